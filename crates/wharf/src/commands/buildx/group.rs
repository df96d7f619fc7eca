//! `wharf buildx`, `wharf buildx imagetools`.

use crate::arguments::Command;

use super::{imagetools_create, imagetools_inspect};

pub(crate) const COMMAND: Command = Command {
    name: "buildx",
    summary: "Images in registries, as Docker's plugin buildx has them",
    subcommands: &[IMAGETOOLS],
    ..Command::EMPTY
};

const IMAGETOOLS: Command = Command {
    name: "imagetools",
    summary: "Commands to work on images in registry",
    subcommands: &[imagetools_create::COMMAND, imagetools_inspect::COMMAND],
    ..Command::EMPTY
};
