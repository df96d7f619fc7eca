//! Conversations over UDP: answers of the container go to the client who asked.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::super::publish::{HeldPort, HeldSocket};
use super::tcp::is_exhausted;

/// All conversations of a proxy.
#[derive(Debug)]
pub(super) struct Sessions {
    all: Vec<Session>,
    /// Where each is among them, by port and client.
    places: HashMap<(usize, SocketAddr), usize>,
    most: usize,
    buffer: Vec<u8>,
}

/// A client and the socket that stands for it before the container.
#[derive(Debug)]
struct Session {
    port: usize,
    client: SocketAddr,
    server: UdpSocket,
    last: Instant,
}

/// How long nobody may say anything (Docker's proxy has the same).
const SILENCE: Duration = Duration::from_secs(90);

/// No datagram is longer.
const DATAGRAM_LIMIT_BYTES: usize = 1 << 16;

/// As many in a turn, so that the others have theirs.
const DATAGRAMS_A_TURN: usize = 64;

impl Sessions {
    pub(super) fn new(most: usize) -> Self {
        Self {
            all: Vec::new(),
            places: HashMap::new(),
            most,
            buffer: vec![0; DATAGRAM_LIMIT_BYTES],
        }
    }

    pub(super) fn wait_for<'a>(&'a self, waiting: &mut Vec<PollFd<'a>>) {
        for session in &self.all {
            let server = session.server.as_fd();
            waiting.push(PollFd::from_borrowed_fd(server, PollFlags::IN));
        }
    }

    /// When the first falls silent for good.
    pub(super) fn next_end(&self) -> Option<Duration> {
        let first = self.all.iter().map(|session| session.last).min()?;
        Some(SILENCE.saturating_sub(first.elapsed()))
    }

    /// Leads answers of the container to the clients, and forgets the silent.
    pub(super) fn answer(&mut self, ready: &[PollFlags], ports: &[HeldPort]) {
        for (session, ready) in self.all.iter_mut().zip(ready) {
            let held = ports.get(session.port).map(|held| &held.socket);
            let Some(HeldSocket::Udp(held)) = held.filter(|_| !ready.is_empty()) else {
                continue;
            };
            for _ in 0..DATAGRAMS_A_TURN {
                // An error is told once, such as that nobody listens there: that is how UDP is.
                let Ok(length) = session.server.recv(&mut self.buffer) else {
                    break;
                };
                session.last = Instant::now();
                let datagram = self.buffer.get(..length).unwrap_or_default();
                // One that is lost is lost.
                drop(held.send_to(datagram, session.client));
            }
        }
        let before = self.all.len();
        self.all.retain(|session| session.last.elapsed() < SILENCE);
        if self.all.len() != before {
            self.find_places();
        }
    }

    /// Leads what came to the held port number `port` to the container. An error means that there are no descriptors.
    pub(super) fn receive(
        &mut self,
        port: usize,
        held: &UdpSocket,
        target: SocketAddr,
    ) -> io::Result<()> {
        for _ in 0..DATAGRAMS_A_TURN {
            let Ok((length, client)) = held.recv_from(&mut self.buffer) else {
                break;
            };
            let place = match self.places.get(&(port, client)) {
                Some(place) => *place,
                None => match self.begin(port, client, target) {
                    Ok(place) => place,
                    Err(error) if is_exhausted(&error) => return Err(error),
                    Err(_) => continue,
                },
            };
            if let Some(session) = self.all.get_mut(place) {
                session.last = Instant::now();
                let datagram = self.buffer.get(..length).unwrap_or_default();
                drop(session.server.send(datagram));
            }
        }
        Ok(())
    }

    /// Begins a conversation, in place of the most silent one if there are too many.
    fn begin(&mut self, port: usize, client: SocketAddr, target: SocketAddr) -> io::Result<usize> {
        if self.all.len() >= self.most {
            let silent = self
                .all
                .iter()
                .enumerate()
                .min_by_key(|(_, session)| session.last);
            if let Some((place, _)) = silent {
                self.all.swap_remove(place);
                self.find_places();
            }
        }
        let any = match target {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let server = UdpSocket::bind(any)?;
        server.set_nonblocking(true)?;
        server.connect(target)?;
        self.all.push(Session {
            port,
            client,
            server,
            last: Instant::now(),
        });
        let place = self.all.len() - 1;
        self.places.insert((port, client), place);
        Ok(place)
    }

    fn find_places(&mut self) {
        let all = self.all.iter().enumerate();
        self.places = all
            .map(|(place, session)| ((session.port, session.client), place))
            .collect();
    }
}
