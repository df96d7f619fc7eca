//! `wharf registry`.

use crate::arguments::Command;

use super::{config_group, serve};

pub(crate) const COMMAND: Command = Command {
    name: "registry",
    synopsis: "COMMAND",
    summary: "Serve and look after a registry",
    subcommands: &[config_group::COMMAND, serve::COMMAND],
    ..Command::EMPTY
};
