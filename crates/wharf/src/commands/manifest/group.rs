//! `wharf manifest`.

use crate::arguments::Command;

use super::{annotate, create, inspect, push, remove};

pub(crate) const COMMAND: Command = Command {
    name: "manifest",
    summary: "Manage image manifests and manifest lists",
    description: "The **wharf manifest** command has subcommands for managing image manifests and
manifest lists. A manifest list allows you to use one name to refer to the same image
built for multiple architectures.

To see help for a subcommand, use:

    wharf manifest CMD --help

For full details on using manifest lists, see the registry v2 specification.",
    subcommands: &[
        annotate::COMMAND,
        create::COMMAND,
        inspect::COMMAND,
        push::COMMAND,
        remove::COMMAND,
    ],
    ..Command::EMPTY
};
