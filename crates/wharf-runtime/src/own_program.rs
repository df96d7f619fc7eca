//! This very program, to be started where it cannot be written.
//!
//! A process that enters a container is seen in it as `/proc/<pid>/exe`, and root of a container may open that for writing as soon as
//! nobody runs the file (CVE-2019-5736). So whatever enters a container runs from a copy of the mount that is read-only and hangs
//! nowhere: to write through it is refused whoever asks.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::StatVfsMountFlags;
use rustix::mount::OpenTreeFlags;

use crate::sys::{self, MountChange, change_mount};

const OWN: &str = "/proc/self/exe";

/// Where the program can be started from. It holds until this is dropped.
#[derive(Debug)]
pub struct OwnProgram {
    path: PathBuf,
    _mount: Option<OwnedFd>,
}

impl OwnProgram {
    /// `program` as it is now; where this user may not copy mounts, the file itself, which then belongs to somebody who may not either.
    pub fn at(program: &Path) -> io::Result<Self> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
        let Ok(mount) = rustix::mount::open_tree(rustix::fs::CWD, program, flags) else {
            return Ok(Self {
                path: program.to_path_buf(),
                _mount: None,
            });
        };
        change_mount(&mount, MountChange::default().read_only(), false)?;
        Ok(Self {
            path: PathBuf::from(format!("/proc/self/fd/{}", mount.as_raw_fd())),
            _mount: Some(mount),
        })
    }

    /// Its path, for this process and for what it starts.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Keeps descriptors that this process was started with from all programs that it starts, and from what these leave behind: for the
/// very beginning. Only the standard streams are passed on.
pub fn keep_inherited_descriptors() -> io::Result<()> {
    sys::keep_descriptors()
}

/// Starts this process anew from where it cannot be written, with the same arguments, unless it runs from there, or cannot.
pub fn restart_unwritable() -> io::Result<()> {
    let flags = rustix::fs::statvfs(OWN)?.f_flag;
    if flags.contains(StatVfsMountFlags::RDONLY) {
        return Ok(());
    }
    let own = OwnProgram::at(Path::new(OWN))?;
    if own.path() == Path::new(OWN) {
        return Ok(());
    }
    let Err(error) = become_program(&own);
    Err(error)
}

fn become_program(own: &OwnProgram) -> Result<Infallible, io::Error> {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    Err(Command::new(own.path()).arg0(name).args(arguments).exec())
}
