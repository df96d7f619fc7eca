//! Who may do what: permissions, roles, principals, passwords, tokens.
//!
//! Pure rules: what the database knows and what time it is come in as parameters, and an answer comes out. Words and tables
//! are Harbor's, so that its clients find what they know.
//!
//! A password goes this way, and in this order: [`Lockout::check`]; read the user; [`VerifiedPasswords::contains`]; wait for
//! a turn, because only few may hash at once; both checks again, since others may have come first;
//! [`PasswordHasher::verify`], also if there is no such user; then [`Lockout::failed`], or [`Lockout::succeeded`] and
//! [`VerifiedPasswords::insert`]. A token goes through [`token::TokenService::verify`], and its subject is read anew.
//! Whoever it is then is a [`Requester`], and is asked for each object whether he [may](Requester::may).

mod lockout;
mod password;
mod permission;
mod principal;
mod requester;
mod robot;
mod role;
mod subject;
pub mod token;
mod verified;

pub use lockout::{LockedOut, Lockout};
pub use password::{
    PasswordError, PasswordHasher, Verdict, WeakPassword, check_policy, generate_secret,
};
pub use permission::{
    Action, Permission, Resource, UnknownWord, project_permissions, system_permissions,
};
pub use principal::{Object, Principal, ProjectFacts, Robot};
pub use requester::{Requester, TokenScopes};
pub use robot::{
    Access, DEFAULT_ROBOT_PREFIX, Effect, Grant, GrantScope, RobotError, RobotLevel,
    RobotPermission, check_robot_name, robot_of_login, stored_robot_name,
};
pub use role::{ProjectRole, administrator_may, everybody_may_in_public};
pub use subject::{NotASubjectId, SubjectId};
pub use verified::VerifiedPasswords;
