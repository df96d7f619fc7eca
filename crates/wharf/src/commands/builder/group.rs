//! `wharf builder`.

use crate::arguments::Command;

use super::{build, cache_group, prune};

pub(crate) const COMMAND: Command = Command {
    name: "builder",
    summary: "Manage builds",
    subcommands: &[build::COMMAND, cache_group::COMMAND, prune::COMMAND],
    ..Command::EMPTY
};
