//! A child process in namespaces of its own, from a process with one thread.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use rustix::process::Pid;
use rustix::time::Timespec;

/// Namespaces that the child gets anew: the `CLONE_NEW*` bits of clone(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CloneFlags(u64);

impl CloneFlags {
    pub(crate) const IPC: Self = Self(0x0800_0000);
    pub(crate) const MOUNT: Self = Self(0x0002_0000);
    pub(crate) const NETWORK: Self = Self(0x4000_0000);
    pub(crate) const PID: Self = Self(0x2000_0000);
    pub(crate) const USER: Self = Self(0x1000_0000);
    pub(crate) const UTS: Self = Self(0x0400_0000);

    /// Both.
    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which of the two processes this is.
#[derive(Debug)]
pub(crate) enum Forked {
    /// The new one.
    Child,
    /// The old one, which knows the new one by number, and by a descriptor that no later process can take over.
    Parent { child: Pid, descriptor: OwnedFd },
}

/// How often, and how long apart, it is looked whether the last other thread has gone: a second together.
const ENDING_THREAD_LOOKS: u32 = 1000;
const ENDING_THREAD_PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 1_000_000,
};

/// Forks. The child is killed when its parent dies only if it asks for that itself.
///
/// Only for processes with one thread: this is checked, since a lock that another thread holds would never open in the child.
pub(crate) fn fork(namespaces: CloneFlags) -> io::Result<Forked> {
    until_alone(|| Ok(std::fs::read_dir("/proc/self/task")?.take(2).count()))?;
    clone_process(namespaces)
}

/// Waits until there is one thread: the kernel lets another be joined a little before it is gone.
fn until_alone(mut threads: impl FnMut() -> io::Result<usize>) -> io::Result<()> {
    for _ in 0..ENDING_THREAD_LOOKS {
        if threads()? == 1 {
            return Ok(());
        }
        let _interrupted_is_fine = rustix::thread::nanosleep(&ENDING_THREAD_PAUSE);
    }
    Err(io::Error::other(
        "a process with several threads cannot make a container by itself",
    ))
}

/// As [`fork`], in a process that [`fork`] has made and that has started no thread: it has one thread, and perhaps no `/proc` to
/// see that in.
pub(crate) fn fork_again() -> io::Result<Forked> {
    clone_process(CloneFlags::default())
}

fn clone_process(namespaces: CloneFlags) -> io::Result<Forked> {
    let mut descriptor: i32 = -1;
    let mut arguments = libc::clone_args {
        flags: namespaces.0 | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut descriptor).addr() as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    // SAFETY: without CLONE_VM the child has its own copy of the address space, as after fork(2); this process has one thread, so
    // that no lock is held by a thread which the child lacks. The kernel reads `arguments`, which lives, with its true size, and
    // writes the descriptor to `descriptor`, which lives.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match result {
        0 => Ok(Forked::Child),
        child if child > 0 => {
            // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
            let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
            let child = i32::try_from(child).ok().and_then(Pid::from_raw);
            let child = child.ok_or_else(|| io::Error::other("clone3 gave no process number"))?;
            Ok(Forked::Parent { child, descriptor })
        }
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends this process at once, without anything that the process it was forked from had planned for its end.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes a number and does not come back.
    unsafe { libc::_exit(code) }
}

/// Closes every descriptor but the standard streams.
pub(crate) fn close_all_but_standard() -> io::Result<()> {
    // SAFETY: the caller keeps no descriptor that it will use: it is a forked child that has only signals to wait for.
    let result = unsafe { libc::close_range(3, u32::MAX, 0) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_ends_is_waited_for_and_one_that_works_is_not() {
        let mut ending = [2, 2, 1].into_iter();
        until_alone(|| Ok(ending.next().unwrap())).unwrap();
        let error = until_alone(|| Ok(2)).unwrap_err();
        assert!(error.to_string().contains("several threads"), "{error}");
    }
}
