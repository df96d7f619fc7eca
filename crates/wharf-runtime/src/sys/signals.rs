//! Signals as numbers: every one that people can name, real-time ones included.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, FromRawFd as _, OwnedFd};

use rustix::process::Pid;

/// `SIGCHLD`.
pub(crate) const CHILD_CHANGED: i32 = libc::SIGCHLD;

/// The signals that are blocked.
pub(crate) struct BlockedSignals(libc::sigset_t);

/// Blocks every signal, so that they are taken one by one. A program that is started later gets them unblocked: the standard
/// library sees to that.
pub(crate) fn block_signals() -> io::Result<BlockedSignals> {
    // SAFETY: all zeros are a valid set; `sigfillset` writes the set it is given, and `sigprocmask` reads it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut set);
        if libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(BlockedSignals(set))
    }
}

/// Waits for one of the blocked signals.
pub(crate) fn next_signal(blocked: &BlockedSignals) -> io::Result<i32> {
    loop {
        // SAFETY: the set lives and is only read; a null pointer leaves the details out.
        let signal = unsafe { libc::sigwaitinfo(&raw const blocked.0, std::ptr::null_mut()) };
        if signal >= 0 {
            return Ok(signal);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// A descriptor from which the given blocked signals are read, as `signalfd_siginfo`; it does not block.
pub(crate) fn signal_descriptor(blocked: &BlockedSignals) -> io::Result<OwnedFd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set lives and is only read; the descriptor is new and nobody else's.
    unsafe {
        let descriptor = libc::signalfd(-1, &raw const blocked.0, flags);
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(descriptor))
    }
}

/// Sends a signal to a process by number: only to a child that has not been waited for, whose number nobody else can have.
pub(crate) fn signal_process(process: Pid, signal: i32) -> io::Result<()> {
    // SAFETY: `kill` takes two numbers.
    check(unsafe { libc::kill(process.as_raw_nonzero().get(), signal) })
}

/// Sends a signal to the process behind a descriptor.
pub(crate) fn signal_descriptor_process(process: impl AsFd, signal: i32) -> io::Result<()> {
    // SAFETY: the descriptor is open, and a null pointer stands for the usual details.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            process.as_fd().as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    check(i32::try_from(result).unwrap_or(-1))
}

fn check(result: i32) -> io::Result<()> {
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// `SIGKILL`.
pub(crate) const KILL: i32 = libc::SIGKILL;
/// `SIGTERM`.
pub(crate) const TERMINATE: i32 = libc::SIGTERM;
/// `SIGHUP`.
pub(crate) const HANG_UP: i32 = libc::SIGHUP;

/// The signals that wait at a descriptor of [`signal_descriptor`].
pub(crate) fn pending_signals(descriptor: &OwnedFd) -> Vec<i32> {
    const SIZE: usize = size_of::<libc::signalfd_siginfo>();
    let mut signals = Vec::new();
    let mut buffer = [0; SIZE];
    // Each read gives one whole structure, which begins with the signal's number (signalfd(2)).
    while matches!(rustix::io::read(descriptor, &mut buffer[..]), Ok(SIZE)) {
        let [a, b, c, d, ..] = buffer;
        signals.extend(i32::try_from(u32::from_ne_bytes([a, b, c, d])));
    }
    signals
}

/// `SIGINT`.
pub(crate) const INTERRUPT: i32 = libc::SIGINT;
/// `SIGQUIT`.
pub(crate) const QUIT: i32 = libc::SIGQUIT;
/// `SIGWINCH`.
pub(crate) const WINDOW_CHANGED: i32 = libc::SIGWINCH;
/// Signals that mean this process and nobody behind it.
pub(crate) const IS_OURS_ALONE: [i32; 5] = [
    libc::SIGCHLD,
    libc::SIGPIPE,
    libc::SIGURG,
    libc::SIGTTIN,
    libc::SIGTTOU,
];

/// Blocks these signals, beside those that are blocked already.
pub(crate) fn block_these(signals: &[i32]) -> io::Result<BlockedSignals> {
    // SAFETY: all zeros are a valid set, which the calls write or read; `sigaddset` takes any number.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        for signal in signals {
            libc::sigaddset(&raw mut set, *signal);
        }
        if libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(BlockedSignals(set))
    }
}

/// Gives every signal back its usual meaning and unblocks it, as a program expects that is started.
pub(crate) fn restore_signals() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: `signal` takes a number and the usual action. Of those that cannot be changed it says so, and they are usual.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zeros are a valid set, `sigemptyset` writes it and `sigprocmask` reads it.
    let result = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())
    };
    check(result)
}
