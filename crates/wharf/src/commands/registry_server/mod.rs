//! `wharf registry`: the registry as a service.

mod group;
mod serve;

pub(crate) use group::COMMAND;
