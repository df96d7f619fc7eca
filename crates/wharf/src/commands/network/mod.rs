//! `wharf network`: networks of containers.

mod connect;
mod create;
mod disconnect;
mod group;
pub(crate) mod inspect;
mod list;
pub(crate) mod prune;
mod remove;

pub(crate) use group::COMMAND;
