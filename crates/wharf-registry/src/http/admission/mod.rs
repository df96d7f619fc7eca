//! Who may come in: what a handler says in its signature that its caller must be allowed.
//!
//! A handler whose second parameter is `Allowed<InRepository, Push>` cannot be called without that right, and the table of
//! routes reads from the same type what the test of every route has to expect.

mod admit;
mod objects;
mod rights;

pub(crate) use admit::{Administrator, Admission, Allowed, Everybody, Optional, Right, SignedIn};
pub use admit::{ObjectKind, Requirement};
pub(crate) use objects::{AmongRobots, InProject, InRepository, OnRobot, OnSystem, OnUser};
pub(crate) use rights::*;
