//! Starting a container's first process, seen from outside.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::panic::AssertUnwindSafe;

use rustix::fs::{Mode, OFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::Pid;
use rustix::thread::LinkNameSpaceType;
use serde::{Deserialize, Serialize};

use crate::id_maps::write_maps;
use crate::init;
use crate::single_id::start_notifier;
use crate::spec::{ContainerSpec, NamespaceChoice, NamespaceSpec};
use crate::sys::{self, CloneFlags, Forked};

/// What one message between the two processes may hold.
const MESSAGE_LIMIT_BYTES: usize = 64 << 10;

/// The standard streams of a container without a terminal. What is `None` is `/dev/null`.
#[derive(Debug, Default)]
pub struct ChildIo {
    /// Read by the container.
    pub stdin: Option<OwnedFd>,
    /// Written by the container.
    pub stdout: Option<OwnedFd>,
    /// Written by the container.
    pub stderr: Option<OwnedFd>,
}

/// A container that runs.
#[derive(Debug)]
pub struct Launched {
    /// Its first process, as this process numbers it.
    pub process: Pid,
    /// The same, as a descriptor that no other process can take over; it is readable when the process has ended.
    pub descriptor: OwnedFd,
    /// This side of its terminal, if it has one.
    pub terminal: Option<OwnedFd>,
}

/// Why a container did not start.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The kernel refused, before anything of the container was there.
    #[error("cannot {step}: {source}")]
    Io {
        /// What was tried.
        step: String,
        /// The cause.
        source: io::Error,
    },
    /// The container could not be set up, or its program not be started.
    #[error("{text}")]
    Failed {
        /// What failed, in Docker's words where Docker has some.
        text: String,
        /// Docker's exit code for it.
        exit_code: u8,
    },
    /// What the caller had to do with the new process failed.
    #[error(transparent)]
    Prepare(Box<dyn std::error::Error + Send + Sync>),
}

/// What the new process says when it fails.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StartFailure {
    pub(crate) text: String,
    pub(crate) exit_code: u8,
}

/// What the two processes say to each other.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To the new one: everything outside is ready.
    Go,
    /// From it: the launcher's side of its terminal comes with this message.
    Terminal,
    /// From it: who listens to this descriptor answers for a container with a single id.
    Listener,
    /// From it: it ends.
    Failed(StartFailure),
}

/// Starts the first process of a container. Only a process with one thread can.
///
/// `prepare` is called with the new process before anything runs in it: to put it into its cgroup and to give it a network.
pub fn launch(
    spec: &ContainerSpec,
    io: ChildIo,
    prepare: impl FnOnce(Pid) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Launched, LaunchError> {
    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(failed("make a socket"))?;
    if let NamespaceChoice::File(path) = &spec.namespaces.pid {
        let step = format!("enter the namespace {}", path.display());
        let file = std::fs::File::open(path).map_err(failed(&step))?;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::ProcessID))
            .map_err(failed(&step))?;
    }
    let flags = clone_flags(&spec.namespaces);
    match sys::fork(flags).map_err(failed("make the container's namespaces"))? {
        Forked::Child => {
            drop(ours);
            become_container(spec, io, &theirs)
        }
        Forked::Parent { child, descriptor } => {
            drop((theirs, io));
            let outcome = attend(spec, child, &ours, prepare);
            match outcome {
                Ok(terminal) => Ok(Launched {
                    process: child,
                    descriptor,
                    terminal,
                }),
                Err(error) => {
                    // It may have ended by itself; then only its exit code is left to take.
                    let _ended = sys::signal_descriptor_process(&descriptor, KILL);
                    let _reaped = rustix::process::waitpid(
                        Some(child),
                        rustix::process::WaitOptions::empty(),
                    );
                    Err(error)
                }
            }
        }
    }
}

const KILL: i32 = 9;

/// In the new process. Whatever happens, it never returns into what its parent was doing.
fn become_container(spec: &ContainerSpec, io: ChildIo, socket: &OwnedFd) -> ! {
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| init::run(spec, io, socket)));
    sys::exit_now(outcome.map_or(125, i32::from))
}

/// In the old process: gives the new one what it needs, and waits until its program runs.
fn attend(
    spec: &ContainerSpec,
    child: Pid,
    socket: &OwnedFd,
    prepare: impl FnOnce(Pid) -> Result<(), Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Option<OwnedFd>, LaunchError> {
    if let Some(mapping) = &spec.namespaces.user {
        write_maps(&child.as_raw_nonzero().to_string(), mapping)
            .map_err(|error| LaunchError::Prepare(error.into()))?;
    }
    prepare(child).map_err(LaunchError::Prepare)?;
    Message::Go
        .send(socket)
        .map_err(failed("start the container"))?;
    receive_start(socket)
}

/// Waits until the program runs: its terminal, if it has one.
pub(crate) fn receive_start(socket: &OwnedFd) -> Result<Option<OwnedFd>, LaunchError> {
    let mut terminal = None;
    loop {
        let received = Message::receive(socket).map_err(failed("start the container"))?;
        match received {
            // The socket closes when the program starts.
            (None, _) => return Ok(terminal),
            (Some(Message::Terminal), descriptor) => terminal = descriptor,
            (Some(Message::Listener), Some(descriptor)) => {
                start_notifier(descriptor).map_err(failed("answer the container"))?;
            }
            (Some(Message::Failed(failure)), _) => {
                return Err(LaunchError::Failed {
                    text: failure.text,
                    exit_code: failure.exit_code,
                });
            }
            (Some(Message::Go | Message::Listener), _) => (),
        }
    }
}

fn clone_flags(namespaces: &NamespaceSpec) -> CloneFlags {
    let choices = [
        (&namespaces.pid, CloneFlags::PID),
        (&namespaces.network, CloneFlags::NETWORK),
        (&namespaces.ipc, CloneFlags::IPC),
        (&namespaces.uts, CloneFlags::UTS),
    ];
    let mut flags = CloneFlags::MOUNT;
    for (choice, flag) in choices {
        if *choice == NamespaceChoice::New {
            flags = flags.with(flag);
        }
    }
    if namespaces.user.is_some() {
        flags = flags.with(CloneFlags::USER);
    }
    flags
}

fn failed<E: Into<io::Error>>(step: &str) -> impl FnOnce(E) -> LaunchError {
    let step = step.to_owned();
    move |source| LaunchError::Io {
        step,
        source: source.into(),
    }
}

impl Message {
    /// As it goes over the socket.
    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Sends it.
    pub(crate) fn send(&self, socket: &OwnedFd) -> io::Result<()> {
        let bytes = self.bytes()?;
        // Nobody is killed for telling somebody who is gone.
        rustix::net::send(socket, &bytes, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Sends it with a descriptor.
    pub(crate) fn send_with(&self, socket: &OwnedFd, descriptor: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [descriptor.as_fd()];
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("no room for a descriptor"));
        }
        let bytes = self.bytes()?;
        let flags = SendFlags::NOSIGNAL;
        rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, flags)?;
        Ok(())
    }

    /// Waits for [`Message::Go`].
    pub(crate) fn wait_for_go(socket: &OwnedFd) -> io::Result<()> {
        match Self::receive(socket)? {
            (Some(Self::Go), _) => Ok(()),
            _ => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// The next message, and the descriptor that came with it; nothing at the end.
    fn receive(socket: &OwnedFd) -> io::Result<(Option<Self>, Option<OwnedFd>)> {
        let mut bytes = vec![0; MESSAGE_LIMIT_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let length = rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(
                socket,
                &mut [IoSliceMut::new(&mut bytes)],
                &mut ancillary,
                RecvFlags::CMSG_CLOEXEC,
            )
        })?
        .bytes;
        if length == 0 {
            return Ok((None, None));
        }
        let descriptor = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let message = serde_json::from_slice(bytes.get(..length).unwrap_or_default())?;
        Ok((Some(message), descriptor))
    }
}

impl ChildIo {
    /// One descriptor for all three.
    pub(crate) fn same(descriptor: &OwnedFd) -> io::Result<Self> {
        Ok(Self {
            stdin: Some(descriptor.try_clone()?),
            stdout: Some(descriptor.try_clone()?),
            stderr: Some(descriptor.try_clone()?),
        })
    }

    /// Makes them the standard streams of this process.
    pub(crate) fn install(self) -> io::Result<()> {
        let nothing = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        let or_nothing = |stream: Option<OwnedFd>| match stream {
            Some(stream) => Ok(stream),
            None => nothing.try_clone(),
        };
        rustix::stdio::dup2_stdin(or_nothing(self.stdin)?)?;
        rustix::stdio::dup2_stdout(or_nothing(self.stdout)?)?;
        rustix::stdio::dup2_stderr(or_nothing(self.stderr)?)?;
        Ok(())
    }
}
