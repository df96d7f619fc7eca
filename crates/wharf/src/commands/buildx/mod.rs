//! `wharf buildx imagetools`: what Docker's plugin `buildx` does with images in registries.

mod group;
mod imagetools_create;
mod imagetools_inspect;

pub(crate) use group::COMMAND;
