//! Accounts: who somebody is, and how that is proved. Users, robots, sessions, tokens.

mod audience;
mod authentication;
mod first_start;
mod identity;
mod robots;
mod sessions;
mod tokens;
mod users;

pub(crate) use authentication::Account;
pub use authentication::{Credentials, SignInError};
pub(crate) use identity::{Identity, SERVICE};
pub use robots::{NewRobot, RobotChange, RobotEntry, RobotWish};
pub use sessions::{NewSession, csrf_token};
pub use users::{UserProfile, UserWish};
