//! Connecting this process's own streams with a process that [`crate::exec()`] started.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
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

/// This process's sides of the pipes to a process that [`crate::exec()`] starts: what is ours, a terminal or a file, is not
/// the container's to open.
#[derive(Debug)]
pub struct ExecPipes {
    stdin: Option<OwnedFd>,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// Pipes for a process without a terminal; without `stdin` nothing can be read by it.
///
/// # Errors
/// If there are no descriptors left.
pub fn exec_pipes(stdin: bool) -> io::Result<(ChildIo, ExecPipes)> {
    let pipe = || pipe_with(PipeFlags::CLOEXEC);
    let (stdout, stdout_theirs) = pipe()?;
    let (stderr, stderr_theirs) = pipe()?;
    let (stdin_theirs, stdin) = stdin.then(pipe).transpose()?.unzip();
    if let Some(stdin) = &stdin {
        // It may wait for us to read what it writes, and read nothing until then.
        rustix::io::ioctl_fionbio(stdin, true)?;
    }
    let theirs = ChildIo {
        stdin: stdin_theirs,
        stdout: Some(stdout_theirs),
        stderr: Some(stderr_theirs),
    };
    let ours = ExecPipes {
        stdin,
        stdout,
        stderr,
    };
    Ok((theirs, ours))
}

/// Waits until the process has ended, passing on what goes through its terminal, if it has one, or through the pipes: its exit code.
pub fn connect_exec(launched: &Launched, stdin: bool, pipes: Option<ExecPipes>) -> io::Result<i32> {
    if let Some(terminal) = &launched.terminal {
        let raw = stdin.then(RawTerminal::enter).flatten();
        let passed = pass_terminal(terminal, stdin);
        drop(raw);
        passed?;
    } else if let Some(pipes) = pipes {
        pass_pipes(&launched.descriptor, pipes)?;
    }
    let status = rustix::io::retry_on_intr(|| {
        rustix::process::waitpid(Some(launched.process), WaitOptions::empty())
    })?;
    Ok(status.map_or(255, |(_, status)| exit_code(status)))
}

/// Passes on what goes through the pipes until the process has ended and has said nothing more. What it has left in the background is
/// not waited for.
fn pass_pipes(process: &OwnedFd, pipes: ExecPipes) -> io::Result<()> {
    let mut input = pipes.stdin.map(Input::new);
    let mut outputs = [Some(pipes.stdout), Some(pipes.stderr)];
    let mut buffer = vec![0; READ_BYTES];
    let mut has_ended = false;
    loop {
        let ready = wait(process, input.as_ref(), &outputs, has_ended)?;
        let mut heard = false;
        for (at, output) in outputs.iter_mut().enumerate() {
            if !ready.outputs.contains(&at) {
                continue;
            }
            heard = true;
            let length = match output {
                Some(output) => {
                    rustix::io::retry_on_intr(|| rustix::io::read(&*output, &mut buffer[..]))?
                }
                None => 0,
            };
            match buffer.get(..length).unwrap_or_default() {
                [] => *output = None,
                bytes if at == 0 => {
                    let mut stdout = io::stdout().lock();
                    stdout.write_all(bytes)?;
                    stdout.flush()?;
                }
                bytes => io::stderr().lock().write_all(bytes)?,
            }
        }
        if ready.input && input.as_mut().is_some_and(|input| !input.pass()) {
            input = None;
        }
        if has_ended && !heard {
            return Ok(());
        }
        has_ended |= ready.process;
    }
}

/// Who can go on.
#[derive(Default)]
struct Ready {
    process: bool,
    input: bool,
    outputs: Vec<usize>,
}

/// Waits for one of them; only looks once the process has ended.
fn wait(
    process: &OwnedFd,
    input: Option<&Input>,
    outputs: &[Option<OwnedFd>; 2],
    has_ended: bool,
) -> io::Result<Ready> {
    let ours = io::stdin();
    let mut all = vec![PollFd::new(process, PollFlags::IN)];
    let mut readers = Vec::new();
    for (at, output) in outputs.iter().enumerate() {
        if let Some(output) = output {
            all.push(PollFd::new(output, PollFlags::IN));
            readers.push(at);
        }
    }
    if let Some(input) = input {
        all.push(if input.left.is_empty() {
            PollFd::new(&ours, PollFlags::IN)
        } else {
            PollFd::new(&input.pipe, PollFlags::OUT)
        });
    }
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match poll(&mut all, has_ended.then_some(&now)) {
        Ok(_) => (),
        Err(Errno::INTR) => return Ok(Ready::default()),
        Err(error) => return Err(error.into()),
    }
    let is_ready = |at: usize| all.get(at).is_some_and(|one| !one.revents().is_empty());
    let outputs = readers.iter().enumerate();
    Ok(Ready {
        process: is_ready(0),
        outputs: outputs
            .filter(|(at, _)| is_ready(1 + at))
            .map(|(_, output)| *output)
            .collect(),
        input: input.is_some() && is_ready(1 + readers.len()),
    })
}

/// What is typed, on its way to the process.
struct Input {
    pipe: OwnedFd,
    /// What did not fit into the pipe.
    left: Vec<u8>,
}

impl Input {
    fn new(pipe: OwnedFd) -> Self {
        Self {
            pipe,
            left: Vec::new(),
        }
    }

    /// Passes on as much as can be without waiting; whether there may be more.
    fn pass(&mut self) -> bool {
        if self.left.is_empty() {
            let mut buffer = vec![0; READ_BYTES];
            match rustix::io::read(io::stdin(), &mut buffer[..]) {
                Ok(0) => return false,
                Ok(length) => buffer.truncate(length),
                Err(Errno::INTR | Errno::AGAIN) => return true,
                Err(_) => return false,
            }
            self.left = buffer;
        }
        match rustix::io::write(&self.pipe, &self.left) {
            Ok(written) => {
                self.left.drain(..written);
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            // It reads no more.
            Err(_) => false,
        }
    }
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
