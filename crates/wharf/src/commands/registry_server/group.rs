//! `wharf registry`.

use crate::arguments::Command;

use super::{backup, config_group, fsck, rebuild, restore, serve};

pub(crate) const COMMAND: Command = Command {
    name: "registry",
    synopsis: "COMMAND",
    summary: "Serve and look after a registry",
    subcommands: &[
        backup::COMMAND,
        config_group::COMMAND,
        fsck::COMMAND,
        rebuild::COMMAND,
        restore::COMMAND,
        serve::COMMAND,
    ],
    ..Command::EMPTY
};
