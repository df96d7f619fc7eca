//! `wharf volume`: named folders that outlive containers.

mod create;
mod group;
pub(crate) mod inspect;
mod list;
pub(crate) mod prune;
mod remove;

pub(crate) use group::COMMAND;
