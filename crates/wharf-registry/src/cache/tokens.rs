//! Tokens whose signature was verified a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use wharf_oci::Digest;

use crate::access::token::Claims;

/// Most tokens.
const TOKENS: usize = 4096;

/// Remembers what tokens say, by a hash of them. Only the signature is not looked at again: their times and the rights of who
/// holds them are, at each request; and all are forgotten when the keys change.
#[derive(Debug, Default)]
pub(crate) struct TokenCache {
    known: RwLock<HashMap<Digest, Arc<Claims>>>,
}

impl TokenCache {
    /// What a verified token says.
    pub(crate) fn get(&self, token: &Digest) -> Option<Arc<Claims>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(token).cloned()
    }

    /// Remembers a verified token.
    pub(crate) fn put(&self, token: Digest, claims: Arc<Claims>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= TOKENS {
            known.clear();
        }
        known.insert(token, claims);
    }

    /// Forgets all.
    pub(crate) fn clear(&self) {
        self.known
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}
