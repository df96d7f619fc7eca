//! The tokens of the token service: JSON Web Tokens (RFC 7519) with Docker's claim `access`.
//!
//! Only what this registry signed is verified, and so nothing of what makes JWTs dangerous is here. There is one algorithm,
//! and it belongs to the key. The header of a token is not read at all: it is compared with the headers that our keys
//! write, byte by byte, and so `alg`, `jwk` and `x5c` of somebody else's making cannot mean anything.

mod key_ring;
mod scope;
mod service;
mod signing_key;
#[cfg(test)]
mod tests;

pub use key_ring::{Jwks, KeyRing};
pub use scope::{REGISTRY, REPOSITORY, Scope, ScopeAction, ScopeError};
pub use service::{Claims, IssueError, IssuedToken, TokenError, TokenService};
pub use signing_key::{Jwk, SigningKey, SigningKeyError};
