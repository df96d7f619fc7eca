//! Talking to the monitor of a container.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::frames::{FrameKind, Reply, Request, push_message, take_frame};
use crate::network::ContainerAddresses;
use crate::order::RestartPolicy;
use crate::state::ContainerFolder;

const READ_BYTES: usize = 64 << 10;

/// A connection to a container's monitor.
#[derive(Debug)]
pub struct MonitorClient {
    pub(crate) stream: UnixStream,
    pub(crate) incoming: Vec<u8>,
}

/// Why a monitor did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MonitorClientError {
    /// The container could not be started.
    #[error("{text}")]
    Failed {
        /// Why, in Docker's words where Docker has some.
        text: String,
        /// Docker's exit code for it.
        exit_code: u8,
    },
    /// It was refused.
    #[error("{0}")]
    Refused(String),
    /// The connection broke: the monitor is gone, and the container with it.
    #[error("the container's monitor is gone: {0}")]
    Gone(#[from] io::Error),
}

impl MonitorClient {
    /// Connects to the monitor; `None` if there is none.
    pub fn connect(folder: &ContainerFolder) -> io::Result<Option<Self>> {
        let socket = folder.socket();
        let name = socket.file_name().unwrap_or_default();
        match in_folder(folder.path(), |short| UnixStream::connect(short.join(name))) {
            Ok(stream) => Ok(Some(Self::from_stream(stream))),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The connection that a monitor was started with.
    pub fn from_stream(stream: UnixStream) -> Self {
        Self {
            stream,
            incoming: Vec::new(),
        }
    }

    /// Starts the container, and waits until its program runs. What of it does not hold here, comes back: for people.
    pub fn start(&mut self) -> Result<Vec<String>, MonitorClientError> {
        self.send(&Request::Start {
            terminal_size: (0, 0),
        })?;
        self.answered()
    }

    /// Sends a signal to the container's first process.
    pub fn signal(&mut self, signal: i32) -> Result<(), MonitorClientError> {
        self.send(&Request::Signal { signal })?;
        self.answer()
    }

    /// Ends the container, and waits for that. `signal` and `timeout_seconds` win over its own.
    pub fn stop(
        &mut self,
        signal: Option<i32>,
        timeout_seconds: Option<i64>,
    ) -> Result<(), MonitorClientError> {
        self.send(&Request::Stop {
            signal,
            timeout_seconds,
        })?;
        self.answer()
    }

    /// Holds the container's processes.
    pub fn pause(&mut self) -> Result<(), MonitorClientError> {
        self.send(&Request::Pause)?;
        self.answer()
    }

    /// Lets them go on.
    pub fn unpause(&mut self) -> Result<(), MonitorClientError> {
        self.send(&Request::Unpause)?;
        self.answer()
    }

    /// Leads the container's published ports to other addresses of it.
    pub fn lead_ports(&mut self, addresses: ContainerAddresses) -> Result<(), MonitorClientError> {
        self.send(&Request::LeadPorts { addresses })?;
        self.answer()
    }

    /// Changes when the container is started again.
    pub fn set_restart(&mut self, policy: RestartPolicy) -> Result<(), MonitorClientError> {
        self.send(&Request::SetRestart { policy })?;
        self.answer()
    }

    /// Waits until the container has ended: its exit code.
    pub fn wait(&mut self) -> Result<i32, MonitorClientError> {
        self.send(&Request::Wait)?;
        loop {
            if let Reply::Exited { code } = self.next_reply()? {
                return Ok(code);
            }
        }
    }

    pub(crate) fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut bytes = Vec::new();
        push_message(&mut bytes, FrameKind::Request, request);
        self.stream.write_all(&bytes)
    }

    fn answer(&mut self) -> Result<(), MonitorClientError> {
        self.answered().map(drop)
    }

    fn answered(&mut self) -> Result<Vec<String>, MonitorClientError> {
        loop {
            match self.next_reply()? {
                Reply::Done => return Ok(Vec::new()),
                Reply::Started { warnings } => return Ok(warnings),
                Reply::Failed { text, exit_code } => {
                    return Err(MonitorClientError::Failed { text, exit_code });
                }
                Reply::Refused { text } => return Err(MonitorClientError::Refused(text)),
                Reply::Exited { .. } => (),
            }
        }
    }

    fn next_reply(&mut self) -> io::Result<Reply> {
        loop {
            match take_frame(&mut self.incoming)? {
                Some((FrameKind::Reply, bytes)) => return Ok(serde_json::from_slice(&bytes)?),
                Some(_not_asked_for) => (),
                None => self.receive()?,
            }
        }
    }

    /// Waits for more bytes.
    pub(crate) fn receive(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; READ_BYTES];
        match self.stream.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.incoming
                    .extend_from_slice(buffer.get(..length).unwrap_or_default());
                Ok(())
            }
        }
    }
}

/// Calls `work` with a short name of `folder`: the path of a socket has room for 108 bytes.
pub(crate) fn in_folder<T>(
    folder: &Path,
    work: impl FnOnce(&Path) -> io::Result<T>,
) -> io::Result<T> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened: OwnedFd = rustix::fs::open(folder, flags, Mode::empty())?;
    work(&PathBuf::from(format!(
        "/proc/self/fd/{}",
        opened.as_raw_fd()
    )))
}
