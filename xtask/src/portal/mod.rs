//! `cargo xtask portal`: builds, checks and tests the portal in `ui/`, where there is a Node that can.

mod command;
mod compare;
mod listing;
mod node;
mod walks;
mod workshop;

pub(crate) use command::{PortalArguments, check, run};
pub(crate) use walks::walks;
