//! Filters that ask: seccomp(2)'s user notification.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::seccomp::load;
use crate::seccomp::SeccompProgram;

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// The kernel's name for it.
    pub(crate) id: u64,
    /// The thread that makes it.
    pub(crate) thread: u32,
    pub(crate) number: u32,
    /// As `AUDIT_ARCH_*`.
    pub(crate) architecture: u32,
    pub(crate) arguments: [u64; 6],
}

/// What the thread gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 0.
    Done,
    /// This error.
    Failed(rustix::io::Errno),
    /// The kernel makes the call.
    Proceed,
}

/// Loads a filter into this thread; the questions come through the descriptor.
pub(crate) fn load_asking_filter(program: &SeccompProgram) -> io::Result<OwnedFd> {
    let flags = u32::try_from(libc::SECCOMP_FILTER_FLAG_NEW_LISTENER).unwrap_or(0);
    let descriptor = load(program, flags)?;
    // SAFETY: with this flag the kernel answers a new descriptor, which nobody else knows.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The next question; waits for one. Nothing if whoever asked has died.
pub(crate) fn next_question(listener: BorrowedFd<'_>) -> io::Result<Option<Question>> {
    // SAFETY: all zeros is a value of this structure of numbers; the kernel demands it.
    let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one structure of this type, whose size is in the request's number.
    let answer = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV,
            &raw mut question,
        )
    };
    if answer != 0 {
        let error = io::Error::last_os_error();
        return match error.raw_os_error() {
            Some(libc::ENOENT | libc::EINTR) => Ok(None),
            _ => Err(error),
        };
    }
    let data = &question.data;
    Ok(Some(Question {
        id: question.id,
        thread: question.pid,
        number: u32::try_from(data.nr).unwrap_or(u32::MAX),
        architecture: data.arch,
        arguments: data.args,
    }))
}

/// Whether the thread still waits: what was read of its memory was its own.
pub(crate) fn still_waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the kernel reads one number.
    let answer = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID,
            &raw const id,
        )
    };
    answer == 0
}

/// Answers a question. That whoever asked has died is no error.
pub(crate) fn reply(listener: BorrowedFd<'_>, id: u64, reply: Reply) -> io::Result<()> {
    let proceed = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).unwrap_or(0);
    let (error, flags) = match reply {
        Reply::Done => (0, 0),
        Reply::Failed(error) => (-error.raw_os_error(), 0),
        Reply::Proceed => (0, proceed),
    };
    let response = libc::seccomp_notif_resp {
        id,
        val: 0,
        error,
        flags,
    };
    // SAFETY: the kernel reads one structure of this type, whose size is in the request's number.
    let answer = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND,
            &raw const response,
        )
    };
    let error = io::Error::last_os_error();
    if answer == 0 || error.raw_os_error() == Some(libc::ENOENT) {
        return Ok(());
    }
    Err(error)
}
