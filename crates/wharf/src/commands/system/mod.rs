//! `wharf system`, and what tells about Wharf itself.

pub(crate) mod info;
pub(crate) mod inspect;
mod start_containers;
pub(crate) mod version;

pub(crate) mod disk_usage;

mod check;
mod group;
mod prune;

pub(crate) use group::COMMAND;
