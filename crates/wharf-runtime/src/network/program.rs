//! Programs of the system that are asked to do something: found, given a text, and not waited for for ever.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags};

/// Where programs of administrators are, which not everybody has in their PATH.
const FOLDERS: [&str; 6] = [
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];

/// What is kept of what a program says.
const OUTPUT_LIMIT_BYTES: u64 = 1 << 16;

/// A program that did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started or asked.
    #[error("cannot run {}: {source}", program.display())]
    Start {
        /// Its path.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It took too long, and was ended.
    #[error("{} did not finish within {seconds} s, and was ended", program.display())]
    TooSlow {
        /// Its path.
        program: PathBuf,
        /// How long it was waited.
        seconds: u64,
    },
    /// It said no.
    #[error("{} failed: {said}", program.display())]
    Failed {
        /// Its path.
        program: PathBuf,
        /// What it said.
        said: String,
    },
}

/// The program of that name, if the system has it.
pub(super) fn find(name: &str) -> Option<PathBuf> {
    let paths = FOLDERS.iter().map(|folder| Path::new(folder).join(name));
    let mut found = paths.filter(|path| path.is_file());
    found.next()
}

/// Runs a program with `input`; what it says if it succeeds.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    input: &str,
    limit: Duration,
) -> Result<String, ProgramError> {
    let failure = |source| ProgramError::Start {
        program: program.to_path_buf(),
        source,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failure)?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read says why when it ends. Inputs are smaller than a pipe.
        drop(stdin.write_all(input.as_bytes()));
    }
    if !ends_within(&mut child, limit).map_err(failure)? {
        end(&mut child).map_err(failure)?;
        return Err(ProgramError::TooSlow {
            program: program.to_path_buf(),
            seconds: limit.as_secs(),
        });
    }
    let status = child.wait().map_err(failure)?;
    let mut said = String::new();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    for text in [stdout.map(read), stderr.map(read)] {
        said += &text.unwrap_or_default();
    }
    if status.success() {
        return Ok(said);
    }
    Err(ProgramError::Failed {
        program: program.to_path_buf(),
        said: said.trim().to_owned(),
    })
}

/// Whether it ended in time.
pub(super) fn ends_within(child: &mut Child, limit: Duration) -> io::Result<bool> {
    let deadline = Instant::now() + limit;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let id = id.ok_or_else(|| io::Error::other("a process without a number"))?;
    let process = rustix::process::pidfd_open(id, PidfdFlags::empty())?;
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut waiting = [PollFd::new(&process, PollFlags::IN)];
        match rustix::event::poll(&mut waiting, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends a process that was started here.
pub(super) fn end(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

pub(super) fn read(stream: impl Read + AsFd) -> String {
    // Whoever inherited the stream may hold it open: what is there is enough.
    let _ = rustix::io::ioctl_fionbio(&stream, true);
    let mut bytes = Vec::new();
    drop(stream.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
