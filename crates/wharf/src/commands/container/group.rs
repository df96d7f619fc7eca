//! The table of `wharf container`.

use super::alone;
use crate::arguments::Command;

pub(crate) const COMMAND: Command = Command {
    name: "container",
    synopsis: "COMMAND",
    summary: "Manage containers",
    subcommands: &[
        alone::ATTACH,
        alone::COMMIT,
        alone::CP,
        alone::CREATE,
        alone::DIFF,
        alone::EXEC,
        alone::EXPORT,
        alone::INSPECT,
        alone::KILL,
        alone::LOGS,
        alone::LIST,
        alone::PAUSE,
        alone::PORT,
        alone::PRUNE,
        alone::RENAME,
        alone::RESTART,
        alone::REMOVE,
        alone::RUN,
        alone::START,
        alone::STATS,
        alone::STOP,
        alone::TOP,
        alone::UNPAUSE,
        alone::UPDATE,
        alone::WAIT,
    ],
    ..Command::EMPTY
};
