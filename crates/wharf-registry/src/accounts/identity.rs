//! What proving who somebody is needs in memory: hashing, keys, and what was proved a moment ago.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::SignedDuration;
use tokio::sync::Semaphore;

use crate::access::PasswordHasher;
use crate::access::token::{KeyRing, TokenService};

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
    keys: RwLock<Arc<KeyRing>>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        Self {
            hasher: PasswordHasher::new(),
            hashing: Semaphore::new(HASHERS),
            tokens: TokenService::new(SERVICE, SERVICE, TOKEN_LIFETIME),
            keys: RwLock::new(Arc::new(KeyRing::default())),
        }
    }

    /// The keys as they were read last.
    pub(super) fn keys(&self) -> Arc<KeyRing> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace_keys(&self, keys: KeyRing) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}
