//! The socket of an SSH agent for one step.
//!
//! The step gets a socket of its own, with the owner and permissions that its Dockerfile wants, and of what it asks only two things
//! reach the agent (draft-ietf-sshm-ssh-agent, 3.4 and 3.6): which keys there are, and to sign something. Keys cannot be added, removed or locked away.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::fs::{Mode, OFlags};
use rustix::net::Shutdown;

/// Larger messages are no agent's (OpenSSH's limit).
const MESSAGE_LIMIT_BYTES: usize = 256 << 10;
const REQUEST_IDENTITIES: u8 = 11;
const SIGN_REQUEST: u8 = 13;
/// A message of one byte, `SSH_AGENT_FAILURE`.
const FAILURE: [u8; 5] = [0, 0, 0, 1, 5];

/// A socket that goes on to an agent, until it is dropped.
#[derive(Debug)]
pub(super) struct AgentSocket {
    path: PathBuf,
    listener: OwnedFd,
    accepting: Option<JoinHandle<()>>,
}

impl AgentSocket {
    /// Makes the socket `name` in `folder`, which goes on to the agent at `agent`.
    ///
    /// # Errors
    /// If the agent does not answer, or the socket cannot be made.
    pub(super) fn new(folder: &Path, name: &str, agent: &Path) -> io::Result<Self> {
        // One that is gone is told now, and not in the middle of a step.
        drop(UnixStream::connect(agent)?);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(folder, flags, Mode::empty())?;
        // The path of a socket has 108 bytes at most, the store's may be longer.
        let short = format!("/proc/self/fd/{}/{name}", opened.as_fd().as_raw_fd());
        let listener = UnixListener::bind(short)?;
        let descriptor = OwnedFd::from(listener.try_clone()?);
        let agent = agent.to_path_buf();
        let accepting = std::thread::Builder::new()
            .name("ssh agent".to_owned())
            .spawn(move || accept(&listener, &agent))?;
        Ok(Self {
            path: folder.join(name),
            listener: descriptor,
            accepting: Some(accepting),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it an owner and permissions.
    pub(super) fn permit(&self, user: u32, group: u32, mode: u32) -> io::Result<()> {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&self.path, Some(user), Some(group))?;
        }
        std::fs::set_permissions(&self.path, std::fs::Permissions::from_mode(mode & 0o777))
    }
}

impl Drop for AgentSocket {
    fn drop(&mut self) {
        // `accept` fails from now on, and its thread ends.
        let _nobody_listens = rustix::net::shutdown(&self.listener, Shutdown::Both);
        if let Some(thread) = self.accepting.take() {
            let _panicked = thread.join();
        }
    }
}

fn accept(listener: &UnixListener, agent: &Path) {
    for client in listener.incoming() {
        let Ok(client) = client else {
            return;
        };
        let agent = agent.to_path_buf();
        let started = std::thread::Builder::new().spawn(move || {
            // Whoever asked has gone, or the agent has: either way this connection is over.
            let _over = pass_on(client, &agent);
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a connection to the SSH agent cannot be served");
        }
    }
}

fn pass_on(mut client: UnixStream, agent: &Path) -> io::Result<()> {
    let mut agent = UnixStream::connect(agent)?;
    while let Some(request) = message(&mut client)? {
        let kind = request.get(4).copied();
        if matches!(kind, Some(REQUEST_IDENTITIES | SIGN_REQUEST)) {
            agent.write_all(&request)?;
            let answer = message(&mut agent)?;
            client.write_all(&answer.unwrap_or_else(|| FAILURE.to_vec()))?;
        } else {
            client.write_all(&FAILURE)?;
        }
    }
    Ok(())
}

/// The next message with its length in front; `None` at the end.
fn message(stream: &mut UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if size == 0 || size > MESSAGE_LIMIT_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut whole = length.to_vec();
    whole.resize(length.len() + size, 0);
    if let Some(body) = whole.get_mut(length.len()..) {
        stream.read_exact(body)?;
    }
    Ok(Some(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_and_signatures_are_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("agent");
        let agent = UnixListener::bind(&place).unwrap();
        let served = std::thread::spawn(move || {
            // the first connection only looks whether anybody is there
            drop(agent.accept().unwrap());
            let (mut client, _) = agent.accept().unwrap();
            let mut seen = Vec::new();
            while let Some(request) = message(&mut client).unwrap() {
                seen.push(request[4]);
                client.write_all(&[0, 0, 0, 2, 12, request[4]]).unwrap();
            }
            seen
        });
        let socket = AgentSocket::new(folder.path(), "ssh-0", &place).unwrap();
        socket.permit(0, 0, 0o600).unwrap();
        let mut client = UnixStream::connect(socket.path()).unwrap();
        for (request, answer) in [
            (11, vec![0, 0, 0, 2, 12, 11]),
            (17, FAILURE.to_vec()),
            (13, vec![0, 0, 0, 2, 12, 13]),
            (22, FAILURE.to_vec()),
        ] {
            client.write_all(&[0, 0, 0, 2, request, 0]).unwrap();
            assert_eq!(message(&mut client).unwrap().unwrap(), answer, "{request}");
        }
        drop(client);
        assert_eq!(served.join().unwrap(), [11, 13]);
        let path = socket.path().to_path_buf();
        drop(socket);
        UnixStream::connect(path).unwrap_err();
        AgentSocket::new(folder.path(), "ssh-1", Path::new("/nowhere")).unwrap_err();
    }
}
