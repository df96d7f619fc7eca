//! Sessions of browsers.

use wharf_oci::Digest;

use super::SignInError;
use crate::access::Principal;
use crate::db::{self, Durability};
use crate::error::RegistryError;
use crate::random;
use crate::registry::Registry;

/// How long a session lasts, in microseconds.
const LIFETIME_MICROS: i64 = 12 * 3600 * 1_000_000;

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
        let (id, now) = (session_id(&secret), self.now());
        self.db()
            .write(Durability::Relaxed, move |sql| {
                db::sessions::insert(sql, &id, user, now, now + LIFETIME_MICROS)
            })
            .await
            .map_err(RegistryError::Database)?;
        Ok(NewSession {
            secret,
            lifetime_seconds: LIFETIME_MICROS / 1_000_000,
        })
    }

    /// Ends a session.
    pub async fn end_session(&self, secret: &str) -> Result<(), RegistryError> {
        let id = session_id(secret);
        self.db()
            .write(Durability::Full, move |sql| db::sessions::delete(sql, &id))
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

/// The name of a session in the database. Its secret is random and long: a plain hash is enough.
pub(super) fn session_id(secret: &str) -> String {
    Digest::of(secret.as_bytes()).hex()
}
