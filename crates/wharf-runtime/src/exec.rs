//! One more process in a container that runs.

use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::{fmt, io};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags, WaitOptions};
use rustix::thread::ThreadNameSpaceType;

use crate::init::{self, InitError, exit_code};
use crate::launch::{ChildIo, LaunchError, Launched, receive_start};
use crate::spec::ProcessSpec;
use crate::sys::{self, CloneFlags, Forked};

/// A container to enter.
#[derive(Clone, Copy)]
pub struct ExecTarget<'a> {
    /// Its first process.
    pub process: Pid,
    /// Whether it has a user namespace of its own, and whether groups can be set there.
    pub user_namespace: Option<bool>,
    /// Puts a process, by number, into the container's cgroup.
    pub join_cgroup: &'a dyn Fn(Pid) -> io::Result<()>,
}

impl fmt::Debug for ExecTarget<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExecTarget")
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

/// Starts `process` in the container. Only a process with one thread can.
///
/// What comes back is a process of this program, beside the new one's, which ends as the new one does.
pub fn exec(
    target: ExecTarget<'_>,
    process: &ProcessSpec,
    io: ChildIo,
) -> Result<Launched, LaunchError> {
    let failed = |step: &str| {
        let step = step.to_owned();
        move |source: rustix::io::Errno| LaunchError::Io {
            step,
            source: source.into(),
        }
    };
    let container = rustix::process::pidfd_open(target.process, PidfdFlags::empty())
        .map_err(failed("find the container's process"))?;
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(failed("make a socket"))?;
    let forked = sys::fork(CloneFlags::default()).map_err(|source| LaunchError::Io {
        step: "start a process".to_owned(),
        source,
    })?;
    match forked {
        Forked::Child => {
            drop(ours);
            let run = || enter(target, &container, process, io, theirs);
            let outcome = std::panic::catch_unwind(AssertUnwindSafe(run));
            sys::exit_now(outcome.map_or(125, i32::from))
        }
        Forked::Parent { child, descriptor } => {
            drop((theirs, io, container));
            match receive_start(&ours) {
                Ok(terminal) => Ok(Launched {
                    process: child,
                    descriptor,
                    terminal,
                }),
                Err(error) => {
                    let _reaped = rustix::process::waitpid(Some(child), WaitOptions::empty());
                    Err(error)
                }
            }
        }
    }
}

/// In the process between: enters the container's namespaces, starts the program there and ends as it does.
fn enter(
    target: ExecTarget<'_>,
    container: &OwnedFd,
    process: &ProcessSpec,
    io: ChildIo,
    socket: OwnedFd,
) -> u8 {
    let entered = enter_namespaces(target, container);
    // The pid namespace is that of children only.
    let forked = entered
        .and_then(|()| sys::fork_again().map_err(init::during("start a process in the container")));
    match forked {
        Err(error) => error.tell(&socket),
        Ok(Forked::Child) => {
            let ids = init::Ids::of(target.user_namespace);
            let Err(error) = init::run_inside(process, ids, io, &socket);
            error.tell(&socket)
        }
        Ok(Forked::Parent { child, .. }) => {
            drop((io, socket));
            // Nobody's pipe stays open because of this process.
            let _still_open = sys::close_all_but_standard();
            let status = rustix::io::retry_on_intr(|| {
                rustix::process::waitpid(Some(child), WaitOptions::empty())
            });
            let code = status.ok().flatten().map(|(_, status)| exit_code(status));
            // At once: what is closed above has owners who would close it again.
            sys::exit_now(code.unwrap_or(255))
        }
    }
}

fn enter_namespaces(target: ExecTarget<'_>, container: &OwnedFd) -> Result<(), InitError> {
    (target.join_cgroup)(rustix::process::getpid()).map_err(init::during("enter the cgroup"))?;
    let mut spaces = ThreadNameSpaceType::MOUNT
        | ThreadNameSpaceType::PROCESS_ID
        | ThreadNameSpaceType::NETWORK
        | ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION
        | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME
        | ThreadNameSpaceType::CONTROL_GROUP;
    if target.user_namespace.is_some() {
        spaces |= ThreadNameSpaceType::USER;
    }
    rustix::thread::move_into_thread_name_spaces(container.as_fd(), spaces)
        .map_err(init::during("enter the container"))?;
    match target.user_namespace {
        Some(set_groups) => init::become_root_inside(set_groups),
        None => Ok(()),
    }
}
