//! A network namespace of somebody else, and work inside it.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace, which lives as long as this.
#[derive(Debug)]
pub struct NetworkNamespace {
    descriptor: OwnedFd,
}

impl NetworkNamespace {
    /// That of a process.
    pub fn of_process(pid: u32) -> io::Result<Self> {
        Self::open(Path::new(&format!("/proc/{pid}/ns/net")))
    }

    /// A new one, with a loopback device that is down and nothing else. It is nobody's: the kernel removes it, with all that is in it,
    /// when nobody holds it and no process is in it any more.
    pub fn new() -> io::Result<Self> {
        let make = || {
            unshare_network()?;
            Self::open(Path::new("/proc/thread-self/ns/net"))
        };
        on_a_thread(make)
    }

    /// Where other processes find it, as long as this process holds it.
    pub fn path(&self) -> PathBuf {
        let (process, number) = (std::process::id(), self.descriptor.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{number}"))
    }

    /// One that has a path: of a process, or mounted somewhere.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { descriptor })
    }

    /// Does `work` inside, on a thread that ends with it: this one stays where it is.
    pub(super) fn inside<T: Send>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        let enter = || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.descriptor.as_fd(), network)?;
            work()
        };
        on_a_thread(enter)
    }
}

/// Does `work` on a thread that ends with it, so that this one stays where it is.
fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, work)?;
        let panicked = |_panic| io::Error::other("the work in a network namespace panicked");
        thread.join().map_err(panicked)?
    })
}

#[expect(
    deprecated,
    reason = "it is deprecated for flags that make Rust's files unsafe (FILES), which are not used here"
)]
fn unshare_network() -> Result<(), rustix::io::Errno> {
    rustix::thread::unshare(UnshareFlags::NEWNET)
}

impl AsFd for NetworkNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
