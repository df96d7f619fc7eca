//! The table of `wharf volume`.

use super::{create, inspect, list, prune, remove};
use crate::arguments::Command;

pub(crate) const COMMAND: Command = Command {
    name: "volume",
    synopsis: "COMMAND",
    summary: "Manage volumes",
    subcommands: &[
        create::COMMAND,
        inspect::COMMAND,
        list::COMMAND,
        prune::COMMAND,
        remove::COMMAND,
    ],
    ..Command::EMPTY
};
