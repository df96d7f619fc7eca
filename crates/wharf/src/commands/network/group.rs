//! The table of `wharf network`.

use super::{connect, create, disconnect, inspect, list, prune, remove};
use crate::arguments::Command;

pub(crate) const COMMAND: Command = Command {
    name: "network",
    synopsis: "COMMAND",
    summary: "Manage networks",
    subcommands: &[
        connect::COMMAND,
        create::COMMAND,
        disconnect::COMMAND,
        inspect::COMMAND,
        list::COMMAND,
        prune::COMMAND,
        remove::COMMAND,
    ],
    ..Command::EMPTY
};
