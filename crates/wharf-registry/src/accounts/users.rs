//! Users: listed, made, changed, removed.
//!
//! An administrator of the system is changed only by himself and by other administrators: a robot that may manage users
//! must not become mightier by that.

use std::net::IpAddr;

use super::SignInError;
use crate::access::{Principal, check_policy};
use crate::audit::{Actor, Operation, Subject};
use crate::db::users::{NewUser, UserRecord};
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

/// Longest name, address and remark (Harbor's limits), in characters.
const NAME_LIMIT: usize = 255;
const COMMENT_LIMIT: usize = 30;
const REAL_NAME_LIMIT: usize = 255;
/// Characters that no name has, as in Harbor; `$` and `+` would look like a robot's.
const FORBIDDEN_IN_NAMES: &[char] = &[',', '~', '#', '$', '%', '+', '/', ':', '\'', '"', '\\'];

/// A user that somebody wants.
#[derive(Clone)]
pub struct UserWish {
    /// The name to sign in with.
    pub name: String,
    /// What people call him.
    pub profile: UserProfile,
    /// His password.
    pub password: String,
}

impl std::fmt::Debug for UserWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserWish")
            .field("name", &self.name)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// What people write about themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserProfile {
    /// An address that nobody else has.
    pub email: Option<String>,
    /// What people call him.
    pub real_name: String,
    /// A remark.
    pub comment: String,
}

impl Registry {
    /// All users.
    pub async fn list_users(
        &self,
        request: ListRequest,
    ) -> Result<Page<UserRecord>, RegistryError> {
        let page = self
            .db()
            .read(move |sql| db::users::list(sql, &request))
            .await;
        Ok(page?)
    }

    /// The user with the number `id`.
    pub async fn find_user(&self, id: i64) -> Result<Option<UserRecord>, RegistryError> {
        let user: Result<_, SqlError> = self.db().read(move |sql| db::users::find(sql, id)).await;
        Ok(user?)
    }

    /// Makes a user. Gives his number.
    pub async fn create_user(&self, actor: Actor, wish: UserWish) -> Result<i64, RegistryError> {
        check_name(&wish.name)?;
        wish.profile.check()?;
        check_password(&wish.password)?;
        let user = NewUser {
            name: wish.name,
            email: wish.profile.email,
            real_name: wish.profile.real_name,
            comment: wish.profile.comment,
            password: self.hash_password(wish.password).await?,
            is_sysadmin: false,
        };
        self.db()
            .write(Durability::Full, move |sql| {
                let id = db::users::insert(sql, &user, actor.at).map_err(taken)?;
                actor.note(sql, Operation::Create, Subject::User, &user.name, None)?;
                Ok(id)
            })
            .await
    }

    /// Changes what a user is called.
    pub async fn set_profile(
        &self,
        principal: &Principal,
        user: i64,
        profile: UserProfile,
    ) -> Result<(), RegistryError> {
        profile.check()?;
        let (actor, principal) = (Actor::new(principal, self.now()), principal.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let user = find_changeable(sql, &principal, user)?;
                let UserProfile {
                    email,
                    real_name,
                    comment,
                } = profile.clone();
                db::users::set_profile(sql, user.id, email, &real_name, &comment, actor.at)
                    .map_err(taken)?;
                actor.note(sql, Operation::Update, Subject::User, &user.name, None)?;
                Ok(())
            })
            .await
    }

    /// Gives a user a new password, and ends his sessions. Who changes his own has to know the `old` one.
    pub async fn set_password(
        &self,
        principal: &Principal,
        user: &UserRecord,
        client: IpAddr,
        old: Option<String>,
        new: String,
    ) -> Result<(), SignInError> {
        check_password(&new)?;
        let is_own = is_same(principal, user);
        if !is_own && !principal.is_sysadmin() {
            return Err(administrators_only().into());
        }
        if is_own {
            let old = old.unwrap_or_default();
            if old == new {
                return Err(RegistryError::BadRequest {
                    reason: "the new password is the old one".to_owned(),
                }
                .into());
            }
            if !self.is_password_of(user, old, client).await? {
                return Err(RegistryError::Denied {
                    reason: "the old password is not right".to_owned(),
                }
                .into());
            }
        }
        let (id, hash) = (user.id, self.hash_password(new).await?);
        let actor = Actor::new(principal, self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                let user = find(sql, id)?;
                db::users::set_password(sql, id, &hash, actor.at)?;
                let (subject, detail) = (Subject::User, "password");
                actor.note_more(sql, Operation::Update, subject, &user.name, None, detail)?;
                Ok::<_, RegistryError>(())
            })
            .await?;
        Ok(())
    }

    /// Makes a user an administrator of the system, or an ordinary one. The last administrator stays one.
    pub async fn set_sysadmin(
        &self,
        actor: Actor,
        user: i64,
        is_sysadmin: bool,
    ) -> Result<(), RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let user = find(sql, user)?;
                if !is_sysadmin {
                    keep_an_administrator(sql, &user)?;
                }
                db::users::set_sysadmin(sql, user.id, is_sysadmin, actor.at)?;
                let detail = if is_sysadmin {
                    "sysadmin"
                } else {
                    "no sysadmin"
                };
                let subject = Subject::User;
                actor.note_more(sql, Operation::Update, subject, &user.name, None, detail)?;
                Ok(())
            })
            .await
    }

    /// Removes a user with his memberships and sessions. Nobody removes himself, nor the last administrator.
    pub async fn delete_user(&self, principal: &Principal, user: i64) -> Result<(), RegistryError> {
        let (actor, principal) = (Actor::new(principal, self.now()), principal.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let user = find_changeable(sql, &principal, user)?;
                if is_same(&principal, &user) {
                    return Err(RegistryError::Denied {
                        reason: "nobody can delete himself".to_owned(),
                    });
                }
                keep_an_administrator(sql, &user)?;
                db::users::delete(sql, user.id)?;
                actor.note(sql, Operation::Delete, Subject::User, &user.name, None)?;
                Ok(())
            })
            .await
    }
}

fn find(sql: &mut dyn Sql, id: i64) -> Result<UserRecord, RegistryError> {
    db::users::find(sql, id)?.ok_or_else(|| RegistryError::NotFound {
        what: format!("user {id}"),
    })
}

/// The user, if it is one whom `principal` may change.
fn find_changeable(
    sql: &mut dyn Sql,
    principal: &Principal,
    id: i64,
) -> Result<UserRecord, RegistryError> {
    let user = find(sql, id)?;
    if user.is_sysadmin && !principal.is_sysadmin() && !is_same(principal, &user) {
        return Err(administrators_only());
    }
    Ok(user)
}

fn keep_an_administrator(sql: &mut dyn Sql, user: &UserRecord) -> Result<(), RegistryError> {
    if user.is_sysadmin && db::users::count_sysadmins(sql)? <= 1 {
        return Err(RegistryError::Precondition {
            reason: format!("{} is the last administrator of the system", user.name),
        });
    }
    Ok(())
}

fn is_same(principal: &Principal, user: &UserRecord) -> bool {
    matches!(principal, Principal::User { id, .. } if *id == user.id)
}

fn administrators_only() -> RegistryError {
    RegistryError::Denied {
        reason: "only administrators of the system may change this user".to_owned(),
    }
}

fn taken(error: SqlError) -> RegistryError {
    match error {
        SqlError::Constraint(_) => RegistryError::Conflict {
            reason: "another user has this name or email".to_owned(),
        },
        other => other.into(),
    }
}

fn check_name(name: &str) -> Result<(), RegistryError> {
    let is_good = !name.is_empty()
        && name.chars().count() <= NAME_LIMIT
        && name.trim() == name
        && !name
            .chars()
            .any(|c| c.is_control() || FORBIDDEN_IN_NAMES.contains(&c));
    if is_good {
        return Ok(());
    }
    Err(RegistryError::BadRequest {
        reason: format!(
            "the name of a user has 1-{NAME_LIMIT} characters, none of which is one of {}",
            FORBIDDEN_IN_NAMES.iter().collect::<String>()
        ),
    })
}

fn check_password(password: &str) -> Result<(), RegistryError> {
    check_policy(password).map_err(|weak| RegistryError::BadRequest {
        reason: weak.to_string(),
    })
}

impl UserProfile {
    fn check(&self) -> Result<(), RegistryError> {
        let refused = |reason: String| Err(RegistryError::BadRequest { reason });
        let is_text = |text: &str, limit| {
            text.chars().count() <= limit && !text.chars().any(char::is_control)
        };
        if let Some(email) = &self.email {
            let is_address = email.split_once('@').is_some_and(|(user, host)| {
                !user.is_empty() && !host.is_empty() && !host.contains('@')
            });
            if !is_address || !is_text(email, NAME_LIMIT) || email.contains(char::is_whitespace) {
                return refused("the email is no address".to_owned());
            }
        }
        if !is_text(&self.real_name, REAL_NAME_LIMIT) || !is_text(&self.comment, COMMENT_LIMIT) {
            return refused(format!(
                "realname has at most {REAL_NAME_LIMIT} characters, and comment {COMMENT_LIMIT}"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_look_like_no_robot() {
        for good in ["emon", "Émon Ä", "a.b@example.com"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(256);
        for bad in ["", " a", "robot$ci", "a+b", "a:b", "a/b", "a\nb", &long] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_email_is_an_address() {
        let check = |email: &str| {
            let profile = UserProfile {
                email: Some(email.to_owned()),
                real_name: String::new(),
                comment: String::new(),
            };
            profile.check().is_ok()
        };
        assert!(check("emon@example.com"));
        for bad in ["", "emon", "@", "a@", "@b", "a@b@c", "a b@c"] {
            assert!(!check(bad), "{bad}");
        }
    }
}
