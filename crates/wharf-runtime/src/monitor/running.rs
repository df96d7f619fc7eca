//! A container that runs: its first process and its streams.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use rustix::termios::Winsize;

use super::MonitorHost;
use crate::cgroups::Cgroup;
use crate::launch::{ChildIo, LaunchError, Launched, launch};
use crate::logs::OutputStream;
use crate::order::MonitorOrder;
use crate::sys;

const READ_BYTES: usize = 64 << 10;
/// Input that the container has not read yet, before more is taken.
const INPUT_LIMIT_BYTES: usize = 1 << 20;
/// How long output is waited for after the first process has ended.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

pub(super) struct Running {
    launched: Launched,
    output: Vec<(OutputStream, OwnedFd)>,
    input: Option<OwnedFd>,
    queue: VecDeque<Vec<u8>>,
    queued_bytes: usize,
    /// Whether input ends once the queue is empty.
    input_ends: bool,
    started: Instant,
    end: Option<End>,
}

struct End {
    code: i32,
    at: Instant,
}

impl Running {
    /// Starts it. Its group of processes and what people should know come back too.
    pub(super) fn start(
        order: &MonitorOrder,
        host: &mut dyn MonitorHost,
    ) -> Result<(Self, Option<Cgroup>, Vec<String>), LaunchError> {
        let mut order = order.clone();
        let warnings = host.begin(&mut order).map_err(LaunchError::Prepare)?;
        let order = &order;
        let mut cgroup = None;
        let (theirs, mut output, mut input) = streams(order)?;
        let launched = launch(&order.spec, theirs, |process| {
            cgroup = host.prepare(order, process)?;
            Ok(())
        })?;
        if let Some(terminal) = &launched.terminal {
            let pair = terminal
                .try_clone()
                .and_then(|read| Ok((read, terminal.try_clone()?)));
            let (read, write) = pair.map_err(failed("use the terminal"))?;
            set_nonblocking(&read).map_err(failed("use the terminal"))?;
            output.push((OutputStream::Stdout, read));
            input = Some(write);
        }
        let running = Self {
            launched,
            output,
            input,
            queue: VecDeque::new(),
            queued_bytes: 0,
            input_ends: false,
            started: Instant::now(),
            end: None,
        };
        Ok((running, cgroup, warnings))
    }

    pub(super) fn process(&self) -> Pid {
        self.launched.process
    }

    pub(super) fn lived(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn code(&self) -> i32 {
        self.end.as_ref().map_or(255, |end| end.code)
    }

    /// What of its streams is waited for.
    pub(super) fn interest<'a>(&'a self, output: bool, into: &mut Vec<PollFd<'a>>) {
        if output {
            for (_, descriptor) in &self.output {
                into.push(PollFd::new(descriptor, PollFlags::IN));
            }
        }
        if let (Some(input), false) = (&self.input, self.queue.is_empty()) {
            into.push(PollFd::new(input, PollFlags::OUT));
        }
    }

    /// When its last output is not waited for any longer.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.end
            .as_ref()
            .and_then(|end| end.at.checked_add(LAST_OUTPUT))
    }

    /// Its first process has ended.
    pub(super) fn ended(&mut self, code: i32) {
        let at = Instant::now();
        self.end = Some(End { code, at });
    }

    /// Whether it has ended, and everything that it wrote is read.
    pub(super) fn is_over(&self) -> bool {
        let late = self.deadline().is_some_and(|at| at <= Instant::now());
        self.end.is_some() && (self.output.is_empty() || late)
    }

    /// Reads a piece of each stream.
    pub(super) fn read_output(&mut self, mut take: impl FnMut(OutputStream, &[u8])) {
        let mut buffer = vec![0; READ_BYTES];
        self.output.retain(|(stream, descriptor)| {
            match rustix::io::read(descriptor, &mut buffer[..]) {
                Ok(0) => false,
                Ok(length) => {
                    take(*stream, buffer.get(..length).unwrap_or_default());
                    true
                }
                Err(Errno::AGAIN | Errno::INTR) => true,
                // A terminal without anybody on its other side says EIO.
                Err(_) => false,
            }
        });
    }

    /// Whether more input can be taken.
    pub(super) fn takes_input(&self) -> bool {
        self.queued_bytes < INPUT_LIMIT_BYTES
    }

    /// Takes input; an empty piece ends it, where it ends with its first client.
    pub(super) fn push_input(&mut self, bytes: Vec<u8>, once: bool) {
        if bytes.is_empty() {
            self.input_ends |= once;
        } else if self.input.is_some() {
            self.queued_bytes += bytes.len();
            self.queue.push_back(bytes);
        }
    }

    /// Writes as much input as the container takes now.
    pub(super) fn pass_input(&mut self) {
        let Some(input) = &self.input else { return };
        while let Some(bytes) = self.queue.front_mut() {
            match rustix::io::write(input, bytes) {
                Ok(length) => {
                    self.queued_bytes -= length;
                    bytes.drain(..length);
                    if bytes.is_empty() {
                        self.queue.pop_front();
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return,
                // It reads no more.
                Err(_) => {
                    self.queue.clear();
                    self.queued_bytes = 0;
                    self.input = None;
                    return;
                }
            }
        }
        if self.input_ends && self.launched.terminal.is_none() {
            self.input = None;
        }
    }

    pub(super) fn signal(&self, signal: i32) -> io::Result<()> {
        sys::signal_descriptor_process(&self.launched.descriptor, signal)
    }

    pub(super) fn resize(&self, rows: u16, columns: u16) {
        if let Some(terminal) = &self.launched.terminal {
            let size = Winsize {
                ws_row: rows,
                ws_col: columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            // A terminal without anybody on its other side has no size.
            let _gone = rustix::termios::tcsetwinsize(terminal.as_fd(), size);
        }
    }
}

type Streams = (ChildIo, Vec<(OutputStream, OwnedFd)>, Option<OwnedFd>);

/// The pipes of a container without a terminal: its ends, ours to read, ours to write.
fn streams(order: &MonitorOrder) -> Result<Streams, LaunchError> {
    if order.spec.process.terminal {
        return Ok((ChildIo::default(), Vec::new(), None));
    }
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(failed("make a pipe"));
    let (out_read, out_write) = pipe()?;
    let (error_read, error_write) = pipe()?;
    for descriptor in [&out_read, &error_read] {
        set_nonblocking(descriptor).map_err(failed("make a pipe"))?;
    }
    let mut theirs = ChildIo {
        stdin: None,
        stdout: Some(out_write),
        stderr: Some(error_write),
    };
    let mut input = None;
    if order.open_stdin {
        let (read, write) = pipe()?;
        set_nonblocking(&write).map_err(failed("make a pipe"))?;
        theirs.stdin = Some(read);
        input = Some(write);
    }
    let output = vec![
        (OutputStream::Stdout, out_read),
        (OutputStream::Stderr, error_read),
    ];
    Ok((theirs, output, input))
}

fn set_nonblocking(descriptor: &OwnedFd) -> io::Result<()> {
    rustix::io::ioctl_fionbio(descriptor, true)?;
    Ok(())
}

fn failed<E: Into<io::Error>>(step: &str) -> impl FnOnce(E) -> LaunchError {
    let step = step.to_owned();
    move |source| LaunchError::Io {
        step,
        source: source.into(),
    }
}
