//! Sessions of browsers.

use wharf_oci::Digest;

use super::SignInError;
use crate::access::Principal;
use crate::audit::{Actor, Operation, Subject};
use crate::db::{self, Durability};
use crate::error::RegistryError;
use crate::random;
use crate::registry::Registry;

/// Microseconds of a minute.
const MINUTE_MICROS: i64 = 60_000_000;

/// A session that was just begun.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The secret that the browser keeps; the database has only its hash.
    pub secret: String,
    /// How long it lasts, in seconds.
    pub lifetime_seconds: i64,
}

impl Registry {
    /// Begins a session for a user. Robots have none.
    pub async fn begin_session(&self, principal: &Principal) -> Result<NewSession, SignInError> {
        let Principal::User { id: user, .. } = *principal else {
            return Err(SignInError::Wrong);
        };
        let secret = format!("{}{}", random::uuid(), random::uuid());
        let id = session_id(&secret);
        let minutes = self.configuration().await?.session_minutes;
        let actor = Actor::new(principal, self.now());
        self.db()
            .write(Durability::Relaxed, move |sql| {
                db::sessions::insert(sql, &id, user, actor.at, actor.at + minutes * MINUTE_MICROS)?;
                actor.note(sql, Operation::Login, Subject::User, &actor.name, None)
            })
            .await
            .map_err(RegistryError::Database)?;
        Ok(NewSession {
            secret,
            lifetime_seconds: minutes * 60,
        })
    }

    /// Ends a session, if it is one.
    pub async fn end_session(&self, secret: &str) -> Result<(), RegistryError> {
        let (id, at) = (session_id(secret), self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                let user = match db::sessions::find_user(sql, &id, at)? {
                    Some(user) => db::users::find(sql, user)?,
                    None => None,
                };
                if let Some(user) = user {
                    let actor = Actor {
                        name: user.name,
                        at,
                    };
                    actor.note(sql, Operation::Logout, Subject::User, &actor.name, None)?;
                }
                db::sessions::delete(sql, &id)
            })
            .await
            .map_err(RegistryError::Database)
    }

    /// Forgets sessions that have expired.
    pub async fn sweep_sessions(&self) -> Result<u64, RegistryError> {
        let now = self.now();
        self.db()
            .write(Durability::Relaxed, move |sql| {
                db::sessions::delete_expired(sql, now)
            })
            .await
            .map_err(RegistryError::Database)
    }
}

/// What a page of the registry's own has to send with each change in a session: another site makes the browser send the
/// cookie, and cannot know this.
pub fn csrf_token(secret: &str) -> String {
    Digest::of(format!("csrf:{secret}").as_bytes()).hex()
}

/// The name of a session in the database. Its secret is random and long: a plain hash is enough.
pub(super) fn session_id(secret: &str) -> String {
    Digest::of(secret.as_bytes()).hex()
}
