//! Accounts: who somebody is, and how that is proved. Users, robots, sessions, tokens.

mod audience;
mod authentication;
mod first_start;
mod identity;
mod sessions;
mod tokens;

pub(crate) use authentication::Account;
pub use authentication::{Credentials, SignInError};
pub(crate) use identity::{Identity, SERVICE};
pub use sessions::NewSession;
