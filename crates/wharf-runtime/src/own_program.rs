//! This very program, to be started where it cannot be written.
//!
//! A process that enters a container is seen in it as `/proc/<pid>/exe`, and root of a container may open that for writing as soon as
//! nobody runs the file (CVE-2019-5736). So whatever enters a container runs from a copy of the mount that is read-only and hangs
//! nowhere: to write through it is refused whoever asks.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{MemfdFlags, SealFlags, StatVfsMountFlags};
use rustix::io::Errno;
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
    if own.path() != Path::new(OWN) {
        let Err(error) = become_program(own.path());
        return Err(error);
    }
    let file = File::open(OWN)?;
    let owner = rustix::fs::fstat(&file)?.st_uid;
    // Of a container with a single id, or with subordinate ones, root is this user.
    if owner != rustix::process::geteuid().as_raw() || is_sealed(&file) {
        return Ok(());
    }
    let copy = sealed_copy(file)?;
    let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
    // A system may forbid programs in memory (sysctl vm.memfd_noexec); then the monitor's file is protected, and a newer one is not.
    let Err(_forbidden) = become_program(Path::new(&path));
    Ok(())
}

/// Whether nobody can write into it, whoever owns it.
fn is_sealed(file: &File) -> bool {
    rustix::fs::fcntl_get_seals(file).is_ok_and(|seals| seals.contains(SealFlags::WRITE))
}

/// The same in memory, where it cannot be changed.
fn sealed_copy(mut file: File) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Linux 6.3 wants to hear that it is a program; older ones do not know the word.
    let created = match rustix::fs::memfd_create("wharf", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create("wharf", flags),
        created => created,
    };
    let mut copy = File::from(created?);
    io::copy(&mut file, &mut copy)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&copy, seals)?;
    Ok(copy)
}

fn become_program(path: &Path) -> Result<Infallible, io::Error> {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    Err(Command::new(path).arg0(name).args(arguments).exec())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_copy_in_memory_cannot_be_written() {
        let own = File::open(OWN).unwrap();
        assert!(!is_sealed(&own));
        let length = own.metadata().unwrap().len();
        let mut copy = sealed_copy(own).unwrap();
        assert!(is_sealed(&copy));
        assert_eq!(copy.metadata().unwrap().len(), length);
        assert!(copy.write_all(b"x").is_err());
        let path = format!("/proc/self/fd/{}", copy.as_raw_fd());
        let reopened = File::options().write(true).open(path);
        assert!(reopened.and_then(|mut file| file.write_all(b"x")).is_err());
    }
}
