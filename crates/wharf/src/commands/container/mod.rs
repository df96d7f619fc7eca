//! `wharf container`: what is done with containers.

mod attach;
mod commit;
mod cp;
mod cp_paths;
mod cp_progress;
mod create;
mod device_options;
mod diff;
mod exec;
mod export;
mod group;
pub(crate) mod inspect;
mod kill;
pub(crate) mod list;
mod logs;
mod monitor;
mod mount_option;
mod network_options;
mod pause;
mod port;
mod ports;
pub(crate) mod prune;
mod remove;
mod rename;
mod restart;
mod run;
mod run_flags;
pub(crate) mod run_options;
pub(crate) mod run_values;
pub(crate) mod start;
mod stats;
mod step;
mod stop;
mod top;
mod unpause;
mod update;
mod wait;
pub(crate) mod words;

pub(crate) use group::COMMAND;

/// The commands that stand alone too: `wharf run`.
pub(crate) mod alone {
    pub(crate) use super::{
        attach::COMMAND as ATTACH, commit::COMMAND as COMMIT, cp::COMMAND as CP,
        create::COMMAND as CREATE, diff::COMMAND as DIFF, exec::COMMAND as EXEC,
        export::COMMAND as EXPORT, inspect::COMMAND as INSPECT, kill::COMMAND as KILL,
        list::COMMAND as LIST, logs::COMMAND as LOGS, monitor::COMMAND as MONITOR,
        pause::COMMAND as PAUSE, port::COMMAND as PORT, prune::COMMAND as PRUNE,
        remove::COMMAND as REMOVE, rename::COMMAND as RENAME, restart::COMMAND as RESTART,
        run::COMMAND as RUN, start::COMMAND as START, stats::COMMAND as STATS,
        step::COMMAND as STEP, stop::COMMAND as STOP, top::COMMAND as TOP,
        unpause::COMMAND as UNPAUSE, update::COMMAND as UPDATE, wait::COMMAND as WAIT,
    };
}
