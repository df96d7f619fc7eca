//! Connecting this process's own terminal or pipes with a container's.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::client::{MonitorClient, MonitorClientError};
use crate::frames::{FrameKind, Reply, Request, push_frame, take_frame};
use crate::sys;

const READ_BYTES: usize = 32 << 10;

/// What is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are independent options"
)]
pub struct AttachOptions {
    /// Whether this process's input goes to the container.
    pub stdin: bool,
    /// Whether the container's output comes here.
    pub stdout: bool,
    /// Whether its errors come here.
    pub stderr: bool,
    /// Whether the container has a terminal: then this one is set to pass everything on.
    pub terminal: bool,
    /// Whether signals to this process go to the container.
    pub pass_signals: bool,
    /// Bytes that, typed one after the other, detach: ctrl-p and ctrl-q, unless told otherwise.
    pub detach_keys: Vec<u8>,
    /// Whether the container is started once everything is connected.
    pub start: bool,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachEnd {
    /// The container has ended with this code.
    Exited(i32),
    /// The keys for it were typed: the container goes on.
    Detached,
    /// A signal asked this process to end: the container goes on.
    Interrupted(i32),
}

/// Passes everything on until the container has ended or somebody detaches.
pub fn attach(
    client: &mut MonitorClient,
    options: &AttachOptions,
) -> Result<AttachEnd, MonitorClientError> {
    let signals = Signals::take(options)?;
    client.send(&Request::Attach {
        stdin: options.stdin,
        stdout: options.stdout,
        stderr: options.stderr,
    })?;
    if options.start {
        let terminal_size = terminal_size().filter(|_| options.terminal);
        client.send(&Request::Start {
            terminal_size: terminal_size.unwrap_or_default(),
        })?;
    }
    let raw = if options.terminal && options.stdin {
        RawTerminal::enter()
    } else {
        None
    };
    let mut connection = Connection {
        client,
        options,
        input_is_open: options.stdin,
        keys: KeyWatch::new(&options.detach_keys),
        started: !options.start,
        ended: None,
    };
    if connection.started {
        connection.resize()?;
    }
    let end = connection.run(&signals);
    drop(raw);
    end
}

struct Connection<'a> {
    client: &'a mut MonitorClient,
    options: &'a AttachOptions,
    input_is_open: bool,
    keys: KeyWatch,
    started: bool,
    ended: Option<i32>,
}

impl Connection<'_> {
    fn run(&mut self, signals: &Signals) -> Result<AttachEnd, MonitorClientError> {
        loop {
            if let Some(end) = self.take_frames()? {
                return Ok(end);
            }
            let (socket, input, signal) = self.wait(signals)?;
            if socket {
                self.client.receive()?;
            }
            if signal && let Some(end) = self.take_signals(signals)? {
                return Ok(end);
            }
            if input && self.pass_input()? {
                return Ok(AttachEnd::Detached);
            }
        }
    }

    fn wait(&self, signals: &Signals) -> io::Result<(bool, bool, bool)> {
        let stdin = io::stdin();
        let mut descriptors = vec![
            PollFd::new(&self.client.stream, PollFlags::IN),
            PollFd::new(&signals.descriptor, PollFlags::IN),
        ];
        // Before it runs, nothing is taken that would be lost if it does not.
        if self.input_is_open && self.started {
            descriptors.push(PollFd::new(&stdin, PollFlags::IN));
        }
        match poll(&mut descriptors, None) {
            Ok(_) | Err(Errno::INTR) => (),
            Err(error) => return Err(error.into()),
        }
        let ready = |at: usize| {
            let descriptor = descriptors.get(at);
            descriptor.is_some_and(|descriptor| !descriptor.revents().is_empty())
        };
        Ok((ready(0), ready(2), ready(1)))
    }

    /// Deals with what came from the monitor.
    fn take_frames(&mut self) -> Result<Option<AttachEnd>, MonitorClientError> {
        while let Some((kind, bytes)) = take_frame(&mut self.client.incoming)? {
            match kind {
                FrameKind::Stdout => write_out(io::stdout().lock(), &bytes)?,
                FrameKind::Stderr => write_out(io::stderr().lock(), &bytes)?,
                FrameKind::Reply => {
                    match serde_json::from_slice(&bytes).map_err(io::Error::from)? {
                        Reply::Failed { text, exit_code } => {
                            return Err(MonitorClientError::Failed { text, exit_code });
                        }
                        Reply::Refused { text } => return Err(MonitorClientError::Refused(text)),
                        Reply::Started { warnings } => {
                            for warning in warnings {
                                let line = format!("WARNING: {warning}\n");
                                write_out(io::stderr().lock(), line.as_bytes())?;
                            }
                            self.started = true;
                            self.resize()?;
                        }
                        Reply::Exited { code } => self.ended = Some(code),
                        Reply::Done => (),
                    }
                }
                FrameKind::Stdin | FrameKind::Request => (),
            }
        }
        Ok(self.ended.map(AttachEnd::Exited))
    }

    fn take_signals(&mut self, signals: &Signals) -> Result<Option<AttachEnd>, MonitorClientError> {
        for signal in sys::pending_signals(&signals.descriptor) {
            if signal == sys::WINDOW_CHANGED {
                self.resize()?;
            } else if self.options.pass_signals && !self.options.terminal {
                if !sys::IS_OURS_ALONE.contains(&signal) {
                    self.client.send(&Request::Signal { signal })?;
                }
            } else if matches!(signal, sys::TERMINATE | sys::HANG_UP | sys::INTERRUPT) {
                return Ok(Some(AttachEnd::Interrupted(signal)));
            }
        }
        Ok(None)
    }

    /// Tells the container's terminal the size of this one.
    fn resize(&mut self) -> Result<(), MonitorClientError> {
        if self.options.terminal
            && let Some((rows, columns)) = terminal_size()
        {
            self.client.send(&Request::Resize { rows, columns })?;
        }
        Ok(())
    }

    /// Whether the keys to detach were typed.
    fn pass_input(&mut self) -> Result<bool, MonitorClientError> {
        let mut buffer = vec![0; READ_BYTES];
        let read = match rustix::io::read(io::stdin().as_fd(), &mut buffer[..]) {
            Ok(length) => buffer.get(..length).unwrap_or_default(),
            Err(Errno::INTR | Errno::AGAIN) => return Ok(false),
            // A terminal that is gone has nothing more to say.
            Err(_) => &[],
        };
        let mut frames = Vec::new();
        if read.is_empty() {
            self.input_is_open = false;
            push_frame(&mut frames, FrameKind::Stdin, &[]);
            self.send(&frames)?;
            return Ok(false);
        }
        let (passed, detach) = if self.options.terminal {
            self.keys.pass(read)
        } else {
            (read.to_vec(), false)
        };
        if !passed.is_empty() {
            push_frame(&mut frames, FrameKind::Stdin, &passed);
            self.send(&frames)?;
        }
        Ok(detach)
    }

    /// Sends, and takes what comes meanwhile: a container that waits for us to read must not wait for ever.
    fn send(&mut self, mut bytes: &[u8]) -> Result<(), MonitorClientError> {
        while !bytes.is_empty() {
            let mut descriptors = [PollFd::new(
                &self.client.stream,
                PollFlags::IN | PollFlags::OUT,
            )];
            match poll(&mut descriptors, None) {
                Ok(_) | Err(Errno::INTR) => (),
                Err(error) => return Err(io::Error::from(error).into()),
            }
            let [descriptor] = descriptors;
            let events = descriptor.revents();
            if events.contains(PollFlags::IN) {
                self.client.receive()?;
                self.take_frames()?;
                if self.ended.is_some() {
                    return Ok(());
                }
            }
            if events.contains(PollFlags::OUT) {
                let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
                match rustix::net::send(&self.client.stream, bytes, flags) {
                    Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                    Err(Errno::AGAIN | Errno::INTR) => (),
                    Err(error) => return Err(io::Error::from(error).into()),
                }
            }
        }
        Ok(())
    }
}

/// A reader that is gone ends this process, as it ends every program.
fn write_out(mut to: impl io::Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    to.flush()
}

/// Lines and columns of this process's terminal.
pub fn terminal_size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).or_else(|_| tcgetwinsize(io::stdin()));
    size.ok().map(|size| (size.ws_row, size.ws_col))
}

struct Signals {
    descriptor: OwnedFd,
}

impl Signals {
    fn take(options: &AttachOptions) -> io::Result<Self> {
        let blocked = if options.pass_signals && !options.terminal {
            sys::block_signals()?
        } else {
            sys::block_these(&[
                sys::WINDOW_CHANGED,
                sys::TERMINATE,
                sys::HANG_UP,
                sys::INTERRUPT,
            ])?
        };
        let descriptor = sys::signal_descriptor(&blocked)?;
        Ok(Self { descriptor })
    }
}

/// This process's terminal, passing everything on until it is dropped.
pub(crate) struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    pub(crate) fn enter() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let stdin = io::stdin();
        let terminal: BorrowedFd<'_> = stdin.as_fd();
        let _gone = tcsetattr(terminal, OptionalActions::Drain, &self.before);
    }
}

/// Looks for the keys to detach in what is typed.
struct KeyWatch {
    keys: Vec<u8>,
    seen: usize,
}

impl KeyWatch {
    fn new(keys: &[u8]) -> Self {
        Self {
            keys: keys.to_vec(),
            seen: 0,
        }
    }

    /// What goes to the container, and whether all keys were seen. Keys that may be the beginning are held back.
    fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.seen) == Some(byte) {
                self.seen += 1;
                if self.seen == self.keys.len() {
                    return (passed, true);
                }
                continue;
            }
            passed.extend_from_slice(self.keys.get(..self.seen).unwrap_or_default());
            self.seen = usize::from(self.keys.first() == Some(byte));
            if self.seen == 0 {
                passed.push(*byte);
            }
        }
        (passed, false)
    }
}

/// The bytes of `--detach-keys`: single letters and `ctrl-` with a letter or one of `@[\]^_`, separated by commas.
pub fn parse_detach_keys(text: &str) -> Result<Vec<u8>, InvalidDetachKeys> {
    let key = |word: &str| -> Option<u8> {
        match (word.strip_prefix("ctrl-"), word.as_bytes()) {
            (Some(letter), _) => match letter.as_bytes() {
                [letter @ b'a'..=b'z'] => Some(letter - b'a' + 1),
                [sign @ (b'@' | b'['..=b'_')] => Some(sign - b'@'),
                _ => None,
            },
            (None, [letter]) => Some(*letter),
            _ => None,
        }
    };
    let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
    keys.ok_or_else(|| InvalidDetachKeys(text.to_owned()))
}

/// Keys that cannot be typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid detach keys ({0}): a letter, or ctrl- and one of a-z, @, [, \\, ], ^, _, separated by commas"
)]
pub struct InvalidDetachKeys(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_to_detach_are_found() {
        let mut keys = KeyWatch::new(&[16, 17]);
        assert_eq!(keys.pass(b"ab\x10"), (b"ab".to_vec(), false));
        assert_eq!(keys.pass(b"c\x10"), (b"\x10c".to_vec(), false));
        assert_eq!(keys.pass(b"\x10\x11rest"), (b"\x10".to_vec(), true));
    }

    #[test]
    fn keys_to_detach_are_read() {
        assert_eq!(parse_detach_keys("ctrl-p,ctrl-q").unwrap(), [16, 17]);
        assert_eq!(parse_detach_keys("a,ctrl-@,ctrl-]").unwrap(), [97, 0, 29]);
        for bad in ["ctrl-", "ctrl-1", "ab", ""] {
            assert!(parse_detach_keys(bad).is_err(), "{bad:?}");
        }
    }
}
