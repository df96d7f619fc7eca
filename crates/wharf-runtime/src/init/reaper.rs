//! `--init`: a first process that starts the program, passes signals on to it and reaps what is left behind.

use std::convert::Infallible;

use rustix::process::{WaitOptions, WaitStatus};

use super::{InitError, during};
use crate::sys::{self, Forked};

/// Runs `program` in a child; this process becomes its reaper.
pub(super) fn run_below(
    program: impl FnOnce() -> Result<Infallible, InitError>,
) -> Result<Infallible, InitError> {
    let what = "start the container's init process";
    let signals = sys::block_signals().map_err(during(what))?;
    let child = match sys::fork_again().map_err(during(what))? {
        Forked::Child => return program(),
        Forked::Parent { child, descriptor } => {
            drop(descriptor);
            sys::close_all_but_standard().map_err(during(what))?;
            child
        }
    };
    loop {
        let signal = sys::next_signal(&signals).map_err(during(what))?;
        if signal != sys::CHILD_CHANGED {
            // It may have ended at this moment.
            let _gone = sys::signal_process(child, signal);
            continue;
        }
        while let Ok(Some((ended, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if ended == child {
                sys::exit_now(exit_code(status));
            }
        }
    }
}

/// As shells count: 128 and the signal's number where a signal ended it.
pub(crate) fn exit_code(status: WaitStatus) -> i32 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => 255,
    }
}
