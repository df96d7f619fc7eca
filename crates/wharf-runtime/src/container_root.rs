//! A container's file tree for somebody outside: what `cp` reads and writes.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags};
use rustix::thread::ThreadNameSpaceType;

use crate::init;
use crate::spec::MountSpec;
use crate::sys;

/// The root of a container that runs, with everything that is mounted in it; `process` is its first one. Where it has a user namespace
/// of its own this process, which must have one thread, enters that: it is root there.
///
/// Paths below must be resolved with `RESOLVE_IN_ROOT`, since links in it are the container's.
pub fn open_running_root(process: Pid, has_user_namespace: bool) -> io::Result<OwnedFd> {
    let held = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
    if has_user_namespace {
        rustix::thread::move_into_thread_name_spaces(held.as_fd(), ThreadNameSpaceType::USER)?;
    }
    let path = format!("/proc/{}/root", process.as_raw_nonzero());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(path, flags, Mode::empty())?;
    // The number was the container's all the time: its process is there still.
    sys::signal_descriptor_process(&held, 0)?;
    Ok(root)
}

/// Mounts something below `root`, a tree that this process alone sees.
pub fn mount_in_root(root: &OwnedFd, mount: &MountSpec) -> io::Result<()> {
    init::mount(root, mount).map_err(|error| io::Error::other(error.text()))
}
