//! The table of all commands.

use crate::arguments::{Command, Group};

use super::global_options::{CONFIG, DEBUG, HOST, LOG_FORMAT, LOG_LEVEL, ROOT_FOLDER, VERSION};
use super::{
    builder, buildx, container, image, manifest, network, program, registry, registry_server,
    system, volume,
};

/// `wharf`, with everything below it.
pub(crate) static ROOT: Command = Command {
    name: "wharf",
    synopsis: "[OPTIONS] COMMAND [ARG...]",
    summary: "Everything that Docker does with container images, without a daemon",
    flags: &[
        CONFIG,
        DEBUG,
        HOST,
        LOG_FORMAT,
        LOG_LEVEL,
        ROOT_FOLDER,
        VERSION,
    ],
    subcommands: &[
        // Common
        Command {
            group: Group::Common,
            ..container::alone::RUN
        },
        Command {
            group: Group::Common,
            ..container::alone::EXEC
        },
        Command {
            name: "ps",
            group: Group::Common,
            other_names: &[],
            ..container::alone::LIST
        },
        Command {
            group: Group::Common,
            ..builder::build::COMMAND
        },
        Command {
            group: Group::Common,
            ..image::pull::COMMAND
        },
        Command {
            group: Group::Common,
            ..image::push::COMMAND
        },
        Command {
            name: "images",
            group: Group::Common,
            other_names: &[],
            ..image::list::COMMAND
        },
        Command {
            group: Group::Common,
            ..registry::login::COMMAND
        },
        Command {
            group: Group::Common,
            ..registry::logout::COMMAND
        },
        Command {
            group: Group::Common,
            ..registry::search::COMMAND
        },
        Command {
            group: Group::Common,
            ..system::version::COMMAND
        },
        Command {
            group: Group::Common,
            ..system::info::COMMAND
        },
        // Management
        Command {
            group: Group::Management,
            ..builder::COMMAND
        },
        Command {
            group: Group::Management,
            ..buildx::COMMAND
        },
        Command {
            group: Group::Management,
            ..container::COMMAND
        },
        Command {
            group: Group::Management,
            ..image::COMMAND
        },
        Command {
            group: Group::Management,
            ..manifest::COMMAND
        },
        Command {
            group: Group::Management,
            ..network::COMMAND
        },
        Command {
            group: Group::Management,
            ..registry_server::COMMAND
        },
        Command {
            group: Group::Management,
            ..system::COMMAND
        },
        Command {
            group: Group::Management,
            ..volume::COMMAND
        },
        // Commands
        container::alone::ATTACH,
        container::alone::COMMIT,
        program::completion::COMMAND,
        container::alone::CP,
        container::alone::CREATE,
        container::alone::DIFF,
        container::alone::EXPORT,
        image::history::COMMAND,
        image::import::COMMAND,
        system::inspect::COMMAND,
        container::alone::KILL,
        image::load::COMMAND,
        container::alone::LOGS,
        container::alone::PAUSE,
        container::alone::PORT,
        container::alone::RENAME,
        container::alone::RESTART,
        Command {
            other_names: &[],
            ..container::alone::REMOVE
        },
        Command {
            name: "rmi",
            other_names: &[],
            ..image::remove::COMMAND
        },
        image::save::COMMAND,
        container::alone::START,
        container::alone::STATS,
        container::alone::STOP,
        image::tag::COMMAND,
        container::alone::TOP,
        container::alone::UNPAUSE,
        program::unshare::COMMAND,
        container::alone::UPDATE,
        container::alone::WAIT,
        // Hidden
        container::alone::MONITOR,
        container::alone::STEP,
        program::complete::COMMAND,
        program::manual::COMMAND,
    ],
    ..Command::EMPTY
};
