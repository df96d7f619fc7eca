//! Runs a program to its end within a time limit, and keeps all that it printed.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A program to be run in a sandbox, with its arguments.
#[derive(Debug)]
pub struct ProgramCommand {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

impl ProgramCommand {
    /// `program` with an empty environment, in `folder`.
    pub(crate) fn new(program: &OsStr, folder: &Path) -> Self {
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder);
        Self {
            command,
            input: Vec::new(),
            limit: Duration::from_mins(2),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable out of the environment.
    #[must_use]
    pub fn without_env(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Runs in another folder than the sandbox's.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives `input` on standard input; without it, standard input is empty.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Sets how long the program may take; two minutes without it.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Starts the program with all its streams closed, and leaves it running.
    pub fn spawn(mut self) -> Child {
        self.command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command))
    }

    /// Runs the program to its end. Panics when it cannot start or takes longer than its limit.
    pub fn run(mut self) -> Output {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command));
        let shown = show(&self.command);
        let mut stdin = child.stdin.take().expect("a piped standard input");
        let input = std::mem::take(&mut self.input);
        // A program that does not read all of its input closes the pipe: that is its own affair.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let stdout = read_in_thread(child.stdout.take().expect("a piped standard output"));
        let stderr = read_in_thread(child.stderr.take().expect("a piped standard error"));
        let (Ok(stdout), Ok(stderr)) = (
            stdout.recv_timeout(self.limit),
            stderr.recv_timeout(self.limit),
        ) else {
            child
                .kill()
                .expect("killing a child that is not waited for yet");
            child.wait().expect("waiting for a killed child");
            panic!("`{shown}` took longer than {:?}", self.limit);
        };
        let status = child.wait().expect("waiting for a child");
        writer.join().expect("the thread that writes the input");
        Output {
            command: shown,
            code: exit_code(status),
            stdout,
            stderr,
        }
    }
}

/// What a program left behind.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    /// The exit code; 128 and the signal's number when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text; bytes that are no UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; bytes that are no UTF-8 are replaced.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Panics with everything that was printed, unless the exit code is 0.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often the check is all that a test wants"
    )]
    pub fn success(self) -> Self {
        self.exits_with(0)
    }

    /// Panics with everything that was printed, unless the exit code is `code`.
    #[track_caller]
    #[expect(
        clippy::return_self_not_must_use,
        reason = "often the check is all that a test wants"
    )]
    pub fn exits_with(self, code: i32) -> Self {
        assert!(
            self.code == code,
            "`{}` exited with {} instead of {code}\nstdout: {}\nstderr: {}",
            self.command,
            self.code,
            self.text(),
            self.error_text()
        );
        self
    }
}

/// The exit code as a shell would give it.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

fn read_in_thread(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut content = Vec::new();
        // An error ends the stream as its end does; the receiver is gone only after a time-out.
        drop(stream.read_to_end(&mut content));
        drop(sender.send(content));
    });
    receiver
}

fn show(command: &Command) -> String {
    let words: Vec<OsString> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_owned)
        .collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}
