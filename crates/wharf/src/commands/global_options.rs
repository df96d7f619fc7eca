//! The options of the program itself, which stand before the command.

use crate::arguments::Flag;

/// Folder of Docker's `config.json`.
pub(crate) const CONFIG: Flag = Flag::text(
    "config",
    "Folder of Docker's client config file (default \"~/.docker\")",
);
pub(crate) const DEBUG: Flag =
    Flag::switch("debug", "Log what is done (the same as --log-level debug)").letter('D');
/// Scripts made for Docker pass it: it is refused with a reason.
pub(crate) const HOST: Flag = Flag::list("host", "Refused: there is no daemon to connect to")
    .letter('H')
    .hidden();
pub(crate) const LOG_FORMAT: Flag = Flag::text(
    "log-format",
    "How log lines look (\"text\", \"json\") (default \"text\")",
);
pub(crate) const LOG_LEVEL: Flag = Flag::text(
    "log-level",
    "Set the logging level (\"trace\", \"debug\", \"info\", \"warn\", \"error\", \"off\") (default \"warn\")",
)
.letter('l');
pub(crate) const ROOT_FOLDER: Flag = Flag::text(
    "root",
    "Folder of the store (default \"/var/lib/wharf\" for root, \"~/.local/share/wharf\" for others)",
);
pub(crate) const VERSION: Flag =
    Flag::switch("version", "Print version information and quit").letter('v');
