//! Who may do what: permissions, roles, principals, passwords, tokens.
//!
//! Pure rules: what the database knows and what time it is come in as parameters, and an answer comes out. Words and tables
//! are Harbor's, so that its clients find what they know.

mod password;
mod permission;
mod principal;
mod requester;
mod robot;
mod role;
mod subject;
pub mod token;

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
