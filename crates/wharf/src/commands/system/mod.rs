//! `wharf system`, and what tells about Wharf itself.

pub(crate) mod info;
pub(crate) mod inspect;
pub(crate) mod version;

mod check;
mod disk_usage;
mod group;
mod prune;

pub(crate) use group::COMMAND;
