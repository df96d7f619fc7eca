//! `wharf manifest`: manifests and manifest lists, straight from and to registries.

mod annotate;
mod create;
mod group;
mod inspect;
mod push;
mod remove;

pub(crate) use group::COMMAND;
