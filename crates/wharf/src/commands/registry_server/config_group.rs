//! `wharf registry config`.

use crate::arguments::Command;

use super::{config_check, config_schema};

pub(super) const COMMAND: Command = Command {
    name: "config",
    synopsis: "COMMAND",
    summary: "Look at a registry's configuration",
    subcommands: &[config_check::COMMAND, config_schema::COMMAND],
    ..Command::EMPTY
};
