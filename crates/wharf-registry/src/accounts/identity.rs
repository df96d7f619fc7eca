//! What proving who somebody is needs in memory: hashing, keys, and what was proved a moment ago.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::SignedDuration;
use tokio::sync::Semaphore;

use crate::access::token::{KeyRing, TokenService};
use crate::access::{Lockout, PasswordHasher, VerifiedPasswords};
use crate::cache::TokenCache;

/// The service that tokens are for, and who makes them.
pub(crate) const SERVICE: &str = "wharf-registry";
/// How long a token counts. Rights are looked up at each request, so it need not be short.
const TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// Most passwords that are hashed at once: each takes 19 MiB and a core.
const HASHERS: usize = 2;

/// Shared by all requests.
pub(crate) struct Identity {
    pub(super) hasher: PasswordHasher,
    pub(super) hashing: Semaphore,
    pub(super) tokens: TokenService,
    lockout: Mutex<Lockout>,
    verified: Mutex<VerifiedPasswords>,
    pub(super) known_tokens: TokenCache,
    keys: RwLock<Arc<KeyRing>>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self {
            hasher: PasswordHasher::new(),
            hashing: Semaphore::new(HASHERS),
            tokens: TokenService::new(SERVICE, SERVICE, TOKEN_LIFETIME),
            lockout: Mutex::new(Lockout::new()),
            verified: Mutex::new(VerifiedPasswords::new()),
            known_tokens: TokenCache::default(),
            keys: RwLock::new(Arc::new(KeyRing::default())),
        }
    }

    /// Failed logins. Held for a moment only.
    pub(super) fn lockout(&self) -> MutexGuard<'_, Lockout> {
        self.lockout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passwords that were verified a moment ago. Held for a moment only.
    pub(super) fn verified(&self) -> MutexGuard<'_, VerifiedPasswords> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys as they were read last.
    pub(super) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace_keys(&self, keys: KeyRing) {
        self.known_tokens.clear();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}
