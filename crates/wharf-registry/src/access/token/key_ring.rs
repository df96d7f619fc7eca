//! The keys that count now, and when there is to be a new one.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::signing_key::{Jwk, SigningKey};

/// Age of the newest key at which there is to be a newer one.
const ROTATES_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Age from which on a key signs, unless there is no older one: by then every node has read it from the database.
const SPREADS_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// The signing keys of a registry, as the database has them.
///
/// Read them again every minute: a key that another node made signs five minutes later, and one that was deleted, because
/// somebody has seen it, is out.
#[derive(Debug, Default)]
pub struct KeyRing {
    /// The newest first.
    keys: Vec<SigningKey>,
}

/// A document with the public halves of all keys (RFC 7517), for those who verify tokens elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

impl KeyRing {
    /// A ring of keys in any order.
    pub fn new(mut keys: Vec<SigningKey>) -> Self {
        keys.sort_by(|a, b| (b.created(), b.id()).cmp(&(a.created(), a.id())));
        Self { keys }
    }

    /// Whether a key is to be made and stored: there is none, or the newest is a month old.
    pub fn needs_new_key(&self, now: Timestamp) -> bool {
        let newest = self.verifying(now).next();
        newest.is_none_or(|key| now.duration_since(key.created()) >= ROTATES_AFTER)
    }

    /// The public halves of all keys whose tokens count.
    pub fn jwks(&self, now: Timestamp) -> Jwks {
        Jwks {
            keys: self.verifying(now).map(|key| key.jwk().clone()).collect(),
        }
    }

    /// The key to sign with: the newest that everybody knows and that still verifies at `until`.
    pub(super) fn signing(&self, now: Timestamp, until: Timestamp) -> Option<&SigningKey> {
        let mut usable = self.keys.iter().filter(|key| key.retires() > until);
        let is_settled = |key: &&SigningKey| now.duration_since(key.created()) >= SPREADS_WITHIN;
        usable
            .clone()
            .find(is_settled)
            .or_else(|| usable.next_back())
    }

    /// The keys whose tokens count, the newest first.
    pub(super) fn verifying(&self, now: Timestamp) -> impl Iterator<Item = &SigningKey> {
        self.keys.iter().filter(move |key| key.retires() > now)
    }
}
