//! What a new process does until it is the container's program.

mod copy_up;
mod devices;
mod first_process;
mod identity;
mod mounts;
mod program;
mod reaper;
mod tree;

pub(crate) use first_process::{Ids, InitError, during, run, run_inside};
use first_process::{NOT_EXECUTABLE, NOT_FOUND, die_with_launcher};
pub(crate) use identity::become_root_inside;
pub(crate) use mounts::mount;
pub(crate) use reaper::exit_code;
