//! `wharf builder`.

use crate::arguments::Command;

use super::{build, prune};

pub(crate) const COMMAND: Command = Command {
    name: "builder",
    summary: "Manage builds",
    subcommands: &[build::COMMAND, prune::COMMAND],
    ..Command::EMPTY
};
