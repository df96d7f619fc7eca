//! `wharf registry`.

use crate::arguments::Command;

use super::{config_group, fsck, rebuild, serve};

pub(crate) const COMMAND: Command = Command {
    name: "registry",
    synopsis: "COMMAND",
    summary: "Serve and look after a registry",
    subcommands: &[
        config_group::COMMAND,
        fsck::COMMAND,
        rebuild::COMMAND,
        serve::COMMAND,
    ],
    ..Command::EMPTY
};
