//! `wharf buildx`, `wharf buildx imagetools`.

use crate::arguments::Command;

use crate::commands::builder;

use super::{imagetools_create, imagetools_inspect};

pub(crate) const COMMAND: Command = Command {
    name: "buildx",
    summary: "Builds, and images in registries, as Docker's plugin buildx has them",
    subcommands: &[builder::build::COMMAND, IMAGETOOLS, builder::prune::COMMAND],
    ..Command::EMPTY
};

const IMAGETOOLS: Command = Command {
    name: "imagetools",
    summary: "Commands to work on images in registry",
    subcommands: &[imagetools_create::COMMAND, imagetools_inspect::COMMAND],
    ..Command::EMPTY
};
