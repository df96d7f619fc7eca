//! Connections over TCP.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::relay::Relay;

/// All connections of a proxy.
#[derive(Debug)]
pub(super) struct Connections {
    all: Vec<Connection>,
    most: usize,
}

/// A client and the container.
#[derive(Debug)]
struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// The container has not answered yet.
    connecting: bool,
    to_server: Relay,
    to_client: Relay,
}

impl Connections {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Vec::new(),
            most,
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.all.len() < self.most
    }

    /// Sides of which something is wanted. The others are left out: their end would be told for ever.
    pub(super) fn wait_for<'a>(&'a self, waiting: &mut Vec<PollFd<'a>>) {
        for connection in &self.all {
            let sides = [&connection.client, &connection.server];
            for (side, events) in sides.into_iter().zip(connection.interests()) {
                if !events.is_empty() {
                    waiting.push(PollFd::from_borrowed_fd(side.as_fd(), events));
                }
            }
        }
    }

    /// Lets those that are ready go on; what has ended is closed.
    pub(super) fn go_on(&mut self, ready: &[PollFlags]) {
        let mut ready = ready.iter();
        self.all.retain_mut(|connection| {
            let wanted = connection
                .interests()
                .into_iter()
                .filter(|events| !events.is_empty());
            // As many as were waited for: all must be taken from `ready`.
            let seen = wanted.filter(|_| ready.next().is_some_and(|seen| !seen.is_empty()));
            if seen.count() == 0 {
                return true;
            }
            connection.go_on().is_ok() && !connection.is_over()
        });
    }

    /// Takes the clients that wait. An error means that there are no descriptors.
    pub(super) fn accept(&mut self, listener: &TcpListener, target: SocketAddr) -> io::Result<()> {
        while self.has_room() {
            let client = match listener.accept() {
                Ok((client, _)) => client,
                Err(error) if is_exhausted(&error) => return Err(error),
                // None is left, or one has gone.
                Err(_) => break,
            };
            client.set_nonblocking(true)?;
            // Whoever cannot be served is closed.
            if let Ok((server, connecting)) = connect(target) {
                self.all.push(Connection {
                    client,
                    server,
                    connecting,
                    to_server: Relay::new(),
                    to_client: Relay::new(),
                });
            }
        }
        Ok(())
    }
}

impl Connection {
    fn interests(&self) -> [PollFlags; 2] {
        if self.connecting {
            return [PollFlags::empty(), PollFlags::OUT];
        }
        let events = |read: bool, write: bool| {
            let mut events = PollFlags::empty();
            events.set(PollFlags::IN, read);
            events.set(PollFlags::OUT, write);
            events
        };
        [
            events(
                self.to_server.wants_to_read(),
                self.to_client.wants_to_write(),
            ),
            events(
                self.to_client.wants_to_read(),
                self.to_server.wants_to_write(),
            ),
        ]
    }

    fn go_on(&mut self) -> io::Result<()> {
        if self.connecting {
            if let Some(error) = self.server.take_error()? {
                return Err(error);
            }
            self.connecting = false;
        }
        self.to_server.pass(&self.client, &self.server)?;
        self.to_client.pass(&self.server, &self.client)
    }

    fn is_over(&self) -> bool {
        self.to_server.is_over() && self.to_client.is_over()
    }
}

/// Begins a connection; whether it still has to be waited for.
fn connect(target: SocketAddr) -> io::Result<(TcpStream, bool)> {
    let family = match target {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket: OwnedFd = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &target) {
        Ok(()) => Ok((socket.into(), false)),
        Err(Errno::INPROGRESS) => Ok((socket.into(), true)),
        Err(error) => Err(error.into()),
    }
}

/// Whether the process or the machine has no descriptors or memory left.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    let exhausted = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    let number = error.raw_os_error();
    exhausted
        .iter()
        .any(|one| number == Some(one.raw_os_error()))
}
