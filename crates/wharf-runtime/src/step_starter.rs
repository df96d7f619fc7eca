//! The process that starts a builder's steps: one thread, which forks for each of them.
//!
//! It is started once for a build, since to start a program costs more than everything else that a small step needs: the loader alone
//! asks the processor what it is, and in a virtual machine each of its questions takes as long as a hundred system calls.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::WaitOptions;

use crate::cgroups::Hierarchies;
use crate::step::{refuse_step, run_step};
use crate::sys::{self, CloneFlags, Forked};

/// What comes with a message: a step's socket, its standard output, its standard error.
const DESCRIPTORS: usize = 3;

/// A process that starts steps. It ends when this is dropped; steps that it started go on.
#[derive(Debug)]
pub struct StepStarter {
    child: Child,
    socket: Option<OwnedFd>,
}

impl StepStarter {
    /// Starts it: `program` with `arguments` must call [`start_steps`] with its standard input.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn start(program: &Path, arguments: &[String]) -> io::Result<Self> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let child = Command::new(program)
            .args(arguments)
            .current_dir("/")
            .stdin(theirs)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            socket: Some(ours),
        })
    }

    /// Sends what a step begins with.
    pub(crate) fn send(&self, descriptors: [BorrowedFd<'_>; DESCRIPTORS]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(io::Error::other("no room for descriptors"));
        }
        let socket = self.socket.as_ref();
        let socket = socket.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
        // Nobody is killed for telling somebody who is gone.
        let flags = SendFlags::NOSIGNAL;
        rustix::net::sendmsg(socket, &[IoSlice::new(b"s")], &mut ancillary, flags)?;
        Ok(())
    }
}

impl Drop for StepStarter {
    fn drop(&mut self) {
        self.socket = None;
        let _reaped = self.child.wait();
    }
}

/// Starts the steps that come over `socket` until it is closed. Only for a process with one thread, which ends after it.
///
/// # Errors
/// If the control groups cannot be found, or `socket` fails.
pub fn start_steps(socket: OwnedFd) -> io::Result<()> {
    // `^C` goes to everybody at the terminal: it is the builder that ends steps then, so that nothing is left of them.
    let _blocked = sys::block_these(&[sys::INTERRUPT, sys::QUIT])?;
    let hierarchies = Hierarchies::find()?;
    while let Some([step, stdout, stderr]) = receive(&socket)? {
        reap()?;
        let step = UnixStream::from(step);
        match sys::fork(CloneFlags::default()) {
            Ok(Forked::Child) => {
                // Only the starter itself keeps the builder from noticing that it is gone.
                drop(socket);
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
                    rustix::stdio::dup2_stdout(&stdout)?;
                    rustix::stdio::dup2_stderr(&stderr)?;
                    // Whoever reads them waits until nobody can write any more.
                    drop((stdout, stderr));
                    run_step(step, &hierarchies)
                }));
                sys::exit_now(i32::from(!matches!(outcome, Ok(Ok(())))));
            }
            Ok(Forked::Parent { .. }) => (),
            // The builder may have gone meanwhile.
            Err(error) => drop(refuse_step(step, &error)),
        }
    }
    Ok(())
}

/// Takes the exit codes of those that have ended, which nobody wants.
fn reap() -> io::Result<()> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => (),
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// What the next step begins with; nothing when the builder wants no more.
fn receive(socket: &OwnedFd) -> io::Result<Option<[OwnedFd; DESCRIPTORS]>> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let length = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(
            socket,
            &mut [IoSliceMut::new(&mut byte)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )
    })?
    .bytes;
    if length == 0 {
        return Ok(None);
    }
    let mut all = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            all.extend(descriptors);
        }
    }
    let all = <[OwnedFd; DESCRIPTORS]>::try_from(all);
    all.map(Some)
        .map_err(|_others| io::Error::other("a step came without its descriptors"))
}
