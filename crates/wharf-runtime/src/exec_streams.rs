//! Connecting this process's own streams with a process that [`crate::exec()`] started.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::WaitOptions;
use rustix::termios::tcsetwinsize;

use crate::attach::{RawTerminal, terminal_size};
use crate::init::exit_code;
use crate::launch::{ChildIo, Launched};
use crate::sys;

const READ_BYTES: usize = 32 << 10;

impl ChildIo {
    /// This process's own streams; without `stdin` nothing can be read.
    pub fn ours(stdin: bool) -> io::Result<Self> {
        Ok(Self {
            stdin: stdin
                .then(|| io::stdin().as_fd().try_clone_to_owned())
                .transpose()?,
            stdout: Some(io::stdout().as_fd().try_clone_to_owned()?),
            stderr: Some(io::stderr().as_fd().try_clone_to_owned()?),
        })
    }
}

/// Waits until the process has ended, passing on what goes through its terminal, if it has one: its exit code.
pub fn connect_exec(launched: &Launched, stdin: bool) -> io::Result<i32> {
    if let Some(terminal) = &launched.terminal {
        let raw = stdin.then(RawTerminal::enter).flatten();
        let passed = pass_terminal(terminal, stdin);
        drop(raw);
        passed?;
    }
    let status = rustix::io::retry_on_intr(|| {
        rustix::process::waitpid(Some(launched.process), WaitOptions::empty())
    })?;
    Ok(status.map_or(255, |(_, status)| exit_code(status)))
}

fn pass_terminal(terminal: &OwnedFd, stdin: bool) -> io::Result<()> {
    let blocked = sys::block_these(&[sys::WINDOW_CHANGED])?;
    let signals = sys::signal_descriptor(&blocked)?;
    let ours = io::stdin();
    let mut input_is_open = stdin;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let mut descriptors = vec![
            PollFd::new(terminal, PollFlags::IN),
            PollFd::new(&signals, PollFlags::IN),
        ];
        if input_is_open {
            descriptors.push(PollFd::new(&ours, PollFlags::IN));
        }
        match poll(&mut descriptors, None) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = descriptors
            .iter()
            .map(|descriptor| !descriptor.revents().is_empty())
            .collect();
        if ready.get(1) == Some(&true) {
            sys::pending_signals(&signals);
            if let Some((rows, columns)) = terminal_size() {
                let mut size = rustix::termios::tcgetwinsize(terminal)?;
                (size.ws_row, size.ws_col) = (rows, columns);
                tcsetwinsize(terminal, size)?;
            }
        }
        if ready.get(2) == Some(&true) {
            let length = rustix::io::read(&ours, &mut buffer[..]).unwrap_or(0);
            input_is_open = length > 0;
            // Whoever closed the other side has ended: that is seen below.
            let _ended = write_all(terminal, buffer.get(..length).unwrap_or_default());
        }
        if ready.first() == Some(&true) {
            match rustix::io::read(terminal, &mut buffer[..]) {
                Ok(length) if length > 0 => {
                    let mut out = io::stdout().lock();
                    out.write_all(buffer.get(..length).unwrap_or_default())?;
                    out.flush()?;
                }
                Err(Errno::INTR | Errno::AGAIN) => (),
                // A terminal without anybody on its other side says EIO.
                _ => return Ok(()),
            }
        }
    }
}

fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = rustix::io::retry_on_intr(|| rustix::io::write(to, bytes))?;
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
