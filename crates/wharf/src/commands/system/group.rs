//! `wharf system`.

use crate::arguments::Command;

use super::{check, disk_usage, info, prune, start_containers};

pub(crate) const COMMAND: Command = Command {
    name: "system",
    summary: "Manage Wharf",
    subcommands: &[
        check::COMMAND,
        disk_usage::COMMAND,
        info::COMMAND,
        prune::COMMAND,
        start_containers::COMMAND,
    ],
    ..Command::EMPTY
};
