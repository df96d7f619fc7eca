//! Who somebody is: passwords, tokens, sessions.

use super::sessions::session_id;
use std::net::IpAddr;
use std::sync::Arc;

use wharf_oci::Digest;

use crate::access::token::TokenError;
use crate::access::{
    DEFAULT_ROBOT_PREFIX, Grant, LockedOut, Principal, Requester, Robot, SubjectId, TokenScopes,
    Verdict, robot_of_login,
};
use crate::cache::Memory;
use crate::db::robots::RobotRecord;
use crate::db::users::UserRecord;
use crate::db::{self, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::storage::on_disk;

/// What somebody shows.
#[derive(Clone)]
pub enum Credentials {
    /// A name with a password, or a robot's with its secret.
    Password {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// A token of this registry.
    Token(String),
    /// The secret of a browser's session.
    Session(String),
}

/// Why nobody could be signed in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Name, password or session are not right, or the account may not be used. Which of them nobody is told.
    #[error("the user name or password is not right")]
    Wrong,
    /// Too many tries with wrong passwords.
    #[error(transparent)]
    LockedOut(#[from] LockedOut),
    /// The token does not count.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Password { name, .. } => write!(f, "Password of {name:?}"),
            Self::Token(_) => f.write_str("Token"),
            Self::Session(_) => f.write_str("Session"),
        }
    }
}

/// An account that somebody with a password may be.
#[derive(Debug)]
pub(crate) enum Account {
    User(UserRecord),
    Robot(RobotRecord),
}

impl Registry {
    /// Finds out who shows these credentials, from the address `client`.
    pub async fn authenticate(
        &self,
        credentials: Credentials,
        client: IpAddr,
    ) -> Result<Requester, SignInError> {
        match credentials {
            Credentials::Password { name, password } => Ok(Requester {
                principal: self.check_password(name, password, client).await?,
                scopes: None,
            }),
            Credentials::Token(token) => self.check_token(&token).await,
            Credentials::Session(secret) => Ok(Requester {
                principal: self.check_session(&secret).await?,
                scopes: None,
            }),
        }
    }

    /// The order of the checks matters and is explained in `access`.
    async fn check_password(
        &self,
        name: String,
        password: String,
        client: IpAddr,
    ) -> Result<Principal, SignInError> {
        let identity = self.identity();
        let now = self.clock().now();
        identity.lockout().check(&name, client, now)?;
        let wanted = name.clone();
        let account = self.find_login(wanted).await?;
        if !self.is_verified(account.as_deref(), &password) {
            self.verify_in_turn(&name, account.as_deref(), password, client)
                .await?;
        }
        account
            .and_then(|account| account.principal(self.now()))
            .ok_or(SignInError::Wrong)
    }

    fn is_verified(&self, account: Option<&Account>, password: &str) -> bool {
        let now = self.clock().now();
        account.is_some_and(|account| {
            let verified = self.identity().verified();
            verified.contains(account.subject_id(), account.secret(), password, now)
        })
    }

    /// Verifies a password when there is a place to: each takes 19 MiB and a core. Others may have come first, and have
    /// verified the same or guessed too often.
    async fn verify_in_turn(
        &self,
        name: &str,
        account: Option<&Account>,
        password: String,
        client: IpAddr,
    ) -> Result<(), SignInError> {
        let identity = self.identity();
        let place = identity.hashing.acquire().await.map_err(closed)?;
        let now = self.clock().now();
        identity.lockout().check(name, client, now)?;
        if self.is_verified(account, &password) {
            return Ok(());
        }
        let stored = account.map(|account| account.secret().to_owned());
        let (hasher, tried) = (identity.hasher.clone(), password.clone());
        let verdict = on_disk(move || hasher.verify(&tried, stored.as_deref())).await;
        drop(place);
        let verdict = verdict.map_err(fault)?.map_err(fault)?;
        if let (Verdict::Right { .. }, Some(account)) = (verdict, account) {
            identity.lockout().succeeded(name, client);
            let (subject, secret) = (account.subject_id(), account.secret());
            identity.verified().insert(subject, secret, &password, now);
            return Ok(());
        }
        identity.lockout().failed(name, client, now);
        tracing::info!(%client, name, "a sign-in failed");
        Err(SignInError::Wrong)
    }

    /// Whether `password` is that of the user `id`: asked once more before it is changed.
    pub async fn is_password_of(
        &self,
        user: &UserRecord,
        password: String,
        client: IpAddr,
    ) -> Result<bool, SignInError> {
        let account = Account::User(user.clone());
        match self
            .verify_in_turn(&user.name, Some(&account), password, client)
            .await
        {
            Ok(()) => Ok(true),
            Err(SignInError::Wrong) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hashes a new password, on a thread.
    pub(crate) async fn hash_password(&self, password: String) -> Result<String, RegistryError> {
        let identity = self.identity();
        let place = identity.hashing.acquire().await.map_err(closed)?;
        let hasher = identity.hasher.clone();
        let hash = on_disk(move || hasher.hash(&password)).await;
        drop(place);
        hash.map_err(fault)?.map_err(fault)
    }

    async fn check_token(&self, token: &str) -> Result<Requester, SignInError> {
        let identity = self.identity();
        let now = self.clock().now();
        let name = Digest::of(token.as_bytes());
        let claims = if let Some(known) = identity.known_tokens.get(&name) {
            identity.tokens.check(&known, now)?;
            known
        } else {
            let verified = Arc::new(identity.tokens.verify(&identity.keys(), token, now)?);
            identity.known_tokens.put(name, Arc::clone(&verified));
            verified
        };
        let principal = match claims.subject_id {
            None => Principal::Anonymous,
            Some(subject) => self
                .find_principal(subject)
                .await?
                .ok_or(SignInError::Wrong)?,
        };
        Ok(Requester {
            principal,
            scopes: Some(TokenScopes::new(claims.access.clone())),
        })
    }

    async fn check_session(&self, secret: &str) -> Result<Principal, SignInError> {
        let (id, now) = (session_id(secret), self.now());
        let user = self
            .db()
            .read(move |sql| match db::sessions::find_user(sql, &id, now)? {
                Some(user) => db::users::find(sql, user),
                None => Ok(None),
            })
            .await
            .map_err(RegistryError::Database)?;
        user.as_ref().map(user_principal).ok_or(SignInError::Wrong)
    }

    /// The account behind a token, as it is now.
    async fn find_principal(&self, subject: SubjectId) -> Result<Option<Principal>, RegistryError> {
        let account = match self.memory().and_then(|memory| memory.account(&subject)) {
            Some(account) => account,
            None => self.read_account(subject).await?,
        };
        Ok(account.and_then(|account| account.principal(self.now())))
    }

    async fn read_account(
        &self,
        subject: SubjectId,
    ) -> Result<Option<Arc<Account>>, RegistryError> {
        let asked = self.memory().map(Memory::stamp);
        let account = self
            .db()
            .ask(move |sql| match subject {
                SubjectId::User(id) => Ok(db::users::find(sql, id)?.map(Account::User)),
                SubjectId::Robot(id) => Ok(db::robots::find(sql, id)?.map(Account::Robot)),
            })
            .await
            .map_err(RegistryError::Database)?;
        let account = account.map(Arc::new);
        if let (Some(memory), Some(asked)) = (self.memory(), asked) {
            memory.put_account(asked, subject, account.clone());
        }
        Ok(account)
    }

    /// The account that signs in as `name`.
    async fn find_login(&self, name: String) -> Result<Option<Arc<Account>>, RegistryError> {
        let known = self.memory().and_then(|memory| memory.login(&name));
        if let Some(account) = known {
            return Ok(account);
        }
        let asked = self.memory().map(Memory::stamp);
        let wanted = name.clone();
        let account = self
            .db()
            .ask(move |sql| find_account(sql, &wanted))
            .await
            .map_err(RegistryError::Database)?;
        let account = account.map(Arc::new);
        if let (Some(memory), Some(asked)) = (self.memory(), asked) {
            memory.put_login(asked, name, account.clone());
        }
        Ok(account)
    }
}

fn fault(error: impl std::fmt::Display) -> RegistryError {
    RegistryError::Internal(error.to_string())
}

/// The places to hash are never closed.
fn closed(error: tokio::sync::AcquireError) -> RegistryError {
    fault(error)
}

fn find_account(sql: &mut dyn Sql, name: &str) -> Result<Option<Account>, SqlError> {
    match robot_of_login(name, DEFAULT_ROBOT_PREFIX) {
        Some(robot) => Ok(db::robots::find_by_name(sql, robot)?.map(Account::Robot)),
        None => Ok(db::users::find_by_name(sql, name)?.map(Account::User)),
    }
}

impl Account {
    fn subject_id(&self) -> SubjectId {
        match self {
            Self::User(user) => SubjectId::User(user.id),
            Self::Robot(robot) => SubjectId::Robot(robot.id),
        }
    }

    fn secret(&self) -> &str {
        match self {
            Self::User(user) => &user.password,
            Self::Robot(robot) => &robot.secret,
        }
    }

    /// `None` for a robot that may not be used now.
    fn principal(&self, now: i64) -> Option<Principal> {
        match self {
            Self::User(user) => Some(user_principal(user)),
            Self::Robot(robot) => robot_principal(robot, now),
        }
    }
}

fn user_principal(user: &UserRecord) -> Principal {
    Principal::User {
        id: user.id,
        name: user.name.clone(),
        is_sysadmin: user.is_sysadmin,
    }
}

fn robot_principal(robot: &RobotRecord, now: i64) -> Option<Principal> {
    let is_over = robot.expires.is_some_and(|expires| expires <= now);
    if robot.disabled || is_over {
        return None;
    }
    let grants: Vec<Grant> = serde_json::from_str(&robot.permissions)
        .inspect_err(|error| tracing::error!(robot = robot.name, %error, "a robot's permissions are damaged"))
        .ok()?;
    Some(Principal::Robot(Robot {
        id: robot.id,
        name: format!("{DEFAULT_ROBOT_PREFIX}{}", robot.name),
        project: robot.project,
        grants,
    }))
}
