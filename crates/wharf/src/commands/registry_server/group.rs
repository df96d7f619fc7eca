//! `wharf registry`.

use crate::arguments::Command;

use super::serve;

pub(crate) const COMMAND: Command = Command {
    name: "registry",
    synopsis: "COMMAND",
    summary: "Serve and look after a registry",
    subcommands: &[serve::COMMAND],
    ..Command::EMPTY
};
