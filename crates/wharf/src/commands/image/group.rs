//! `wharf image`.

use crate::arguments::Command;
use crate::commands::builder::build;

use super::{
    history, import, inspect, list, load, mount, prune, pull, push, remove, save, tag, unmount,
};

pub(crate) const COMMAND: Command = Command {
    name: "image",
    summary: "Manage images",
    subcommands: &[
        build::COMMAND,
        history::COMMAND,
        import::COMMAND,
        inspect::COMMAND,
        load::COMMAND,
        list::COMMAND,
        mount::COMMAND,
        prune::COMMAND,
        pull::COMMAND,
        push::COMMAND,
        remove::COMMAND,
        save::COMMAND,
        tag::COMMAND,
        unmount::COMMAND,
    ],
    ..Command::EMPTY
};
