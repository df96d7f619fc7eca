//! What a process does that was forked to serve something by itself: it keeps what it serves, and nothing else of whoever started it.

use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd as _, OwnedFd};

use rustix::fs::{Mode, OFlags};

use crate::sys;

/// The lowest number for copies: above the standard streams.
const ABOVE_STANDARD: i32 = 10;

/// Keeps these descriptors and no other, neither locks nor anybody's streams: in a session of its own, with usual signals. Only for a
/// process that was forked for it, which uses nothing of what it inherited afterwards.
pub(crate) fn keep_only(descriptors: [OwnedFd; 3]) -> io::Result<[OwnedFd; 3]> {
    rustix::process::setsid()?;
    sys::restore_signals()?;
    rustix::process::chdir("/")?;
    let [one, two, three] = descriptors;
    // They must not lie where they are put.
    let high = |descriptor: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(descriptor, ABOVE_STANDARD);
    let copies = [high(&one)?, high(&two)?, high(&three)?];
    let [first, second, third] = &copies;
    rustix::stdio::dup2_stdin(first)?;
    rustix::stdio::dup2_stdout(second)?;
    rustix::stdio::dup2_stderr(third)?;
    for descriptor in copies.into_iter().chain([one, two, three]) {
        // What is closed below belongs to nobody any more.
        let _closed_below = descriptor.into_raw_fd();
    }
    sys::close_all_but_standard()?;
    let copy = |standard: BorrowedFd<'_>| standard.try_clone_to_owned();
    let kept = [
        copy(rustix::stdio::stdin())?,
        copy(rustix::stdio::stdout())?,
        copy(rustix::stdio::stderr())?,
    ];
    // Nobody writes into what is served.
    let nothing = nothing()?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    Ok(kept)
}

/// A descriptor that stands for none.
pub(crate) fn nothing() -> io::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, Mode::empty())?)
}
