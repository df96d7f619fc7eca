//! Answers questions: what is known by itself, the rest by asking the machine's servers.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::message::{
    Question, Refusal, Wanted, question, refused, reversed, with_addresses, with_name,
};

/// Questions at once that others are asked.
const ASKED_LIMIT: usize = 128;
/// Connections at once.
const CONNECTIONS_LIMIT: usize = 16;
/// How long a server is given to answer.
const SERVER_TIME: Duration = Duration::from_secs(3);
/// How long a client is given for its question.
const CLIENT_TIME: Duration = Duration::from_secs(5);
/// The largest message there is.
const MESSAGE_LIMIT_BYTES: usize = 65_535;
/// Servers that are asked, at most: as many as resolv.conf(5) knows.
const SERVERS_LIMIT: usize = 3;
const PORT: u16 = 53;

/// What is known of a name or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownName {
    /// The name has these addresses.
    Addresses(Vec<IpAddr>),
    /// The address has this name.
    Name(String),
    /// Nothing: the machine's servers are asked.
    Nothing,
    /// Nothing, and nobody may be asked: the container has no way out.
    NothingAnywhere,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Asked<'a> {
    Name(&'a str),
    Address(IpAddr),
}

pub(super) type Lookup = dyn Fn(Asked<'_>) -> KnownName + Send + Sync;

pub(super) struct Server {
    pub(super) datagrams: UdpSocket,
    pub(super) connections: TcpListener,
    pub(super) lookup: Arc<Lookup>,
    pub(super) servers: Vec<IpAddr>,
}

impl Server {
    /// Serves until `end` is readable.
    pub(super) fn serve(self, end: impl AsFd) -> io::Result<()> {
        let ends = Ends {
            asked: Arc::new(AtomicUsize::new(0)),
            connected: Arc::new(AtomicUsize::new(0)),
        };
        self.datagrams.set_nonblocking(true)?;
        self.connections.set_nonblocking(true)?;
        loop {
            let mut waiting = [
                PollFd::from_borrowed_fd(end.as_fd(), PollFlags::IN),
                PollFd::new(&self.datagrams, PollFlags::IN),
                PollFd::new(&self.connections, PollFlags::IN),
            ];
            match poll(&mut waiting, None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => (),
                Err(error) => return Err(error.into()),
            }
            let [ended, ..] = &waiting;
            if !ended.revents().is_empty() {
                return Ok(());
            }
            self.take_datagrams(&ends);
            self.take_connections(&ends);
        }
    }

    fn take_datagrams(&self, ends: &Ends) {
        let mut bytes = vec![0; MESSAGE_LIMIT_BYTES];
        while let Ok((length, from)) = self.datagrams.recv_from(&mut bytes) {
            let message = bytes.get(..length).unwrap_or_default();
            let Some(asked) = question(message) else {
                continue;
            };
            let refusal = match answer(&*self.lookup, message, &asked) {
                Local::Answer(answer) => answer,
                Local::AskOthers => {
                    if self.ask_others(ends, message, from) {
                        continue;
                    }
                    refused(message, &asked, Refusal::Failed)
                }
            };
            // Whoever asked and is gone wants no answer.
            let _gone = self.datagrams.send_to(&refusal, from);
        }
    }

    /// Asks the machine's servers on a thread; whether it could be started.
    fn ask_others(&self, ends: &Ends, message: &[u8], from: SocketAddr) -> bool {
        let Some(place) = Place::take(&ends.asked, ASKED_LIMIT) else {
            return false;
        };
        let Ok(back) = self.datagrams.try_clone() else {
            return false;
        };
        let (message, servers) = (message.to_vec(), self.servers.clone());
        let ask = move || {
            let _place = place;
            let answer = ask_by_datagrams(&servers, &message).or_else(|| {
                question(&message).map(|asked| refused(&message, &asked, Refusal::Failed))
            });
            if let Some(answer) = answer {
                let _gone = back.send_to(&answer, from);
            }
        };
        std::thread::Builder::new().spawn(ask).is_ok()
    }

    fn take_connections(&self, ends: &Ends) {
        while let Ok((stream, _)) = self.connections.accept() {
            let Some(place) = Place::take(&ends.connected, CONNECTIONS_LIMIT) else {
                continue;
            };
            let (servers, lookup) = (self.servers.clone(), Arc::clone(&self.lookup));
            let talk = move || {
                let _place = place;
                // A client that breaks off has its reasons.
                let _broken = talk(stream, &servers, &*lookup);
            };
            // Without a thread the connection closes, which the client sees.
            let _closed = std::thread::Builder::new().spawn(talk);
        }
    }
}

struct Ends {
    asked: Arc<AtomicUsize>,
    connected: Arc<AtomicUsize>,
}

/// One of a limited number of places.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(count: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let place = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Local {
    Answer(Vec<u8>),
    AskOthers,
}

fn answer(lookup: &Lookup, message: &[u8], asked: &Question) -> Local {
    let known = match asked.wanted {
        Wanted::Pointer => match reversed(&asked.name) {
            Some(address) => lookup(Asked::Address(address)),
            None => lookup(Asked::Name("")),
        },
        _ => lookup(Asked::Name(&asked.name)),
    };
    Local::Answer(match known {
        // The name is there, even if it has nothing of that kind.
        KnownName::Addresses(addresses) => with_addresses(message, asked, &addresses),
        KnownName::Name(name) => with_name(message, asked, &name),
        KnownName::NothingAnywhere => refused(message, asked, Refusal::NoSuchName),
        KnownName::Nothing => return Local::AskOthers,
    })
}

/// The first answer of the servers, one after the other.
fn ask_by_datagrams(servers: &[IpAddr], message: &[u8]) -> Option<Vec<u8>> {
    servers.iter().take(SERVERS_LIMIT).find_map(|server| {
        let any: SocketAddr = match server {
            IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            IpAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).ok()?;
        socket.connect((*server, PORT)).ok()?;
        socket.set_read_timeout(Some(SERVER_TIME)).ok()?;
        socket.send(message).ok()?;
        let mut bytes = vec![0; MESSAGE_LIMIT_BYTES];
        let length = socket.recv(&mut bytes).ok()?;
        bytes.truncate(length);
        (bytes.get(..2) == message.get(..2)).then_some(bytes)
    })
}

/// Questions and answers on one connection, each with its length before it.
fn talk(mut client: TcpStream, servers: &[IpAddr], lookup: &Lookup) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_read_timeout(Some(CLIENT_TIME))?;
    client.set_write_timeout(Some(CLIENT_TIME))?;
    loop {
        let message = receive(&mut client)?;
        let Some(asked) = question(&message) else {
            return Ok(());
        };
        let answered = match answer(lookup, &message, &asked) {
            Local::Answer(answered) => answered,
            Local::AskOthers => servers
                .iter()
                .take(SERVERS_LIMIT)
                .find_map(|server| ask_by_connection(*server, &message).ok())
                .unwrap_or_else(|| refused(&message, &asked, Refusal::Failed)),
        };
        send(&mut client, &answered)?;
    }
}

fn ask_by_connection(server: IpAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(server, PORT), SERVER_TIME)?;
    stream.set_read_timeout(Some(SERVER_TIME))?;
    stream.set_write_timeout(Some(SERVER_TIME))?;
    send(&mut stream, message)?;
    receive(&mut stream)
}

fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat())
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::asking;
    use super::*;

    /// A server that knows `web`, and asks nobody.
    fn served(work: impl FnOnce(SocketAddr, SocketAddr)) {
        let (end, stop) = io::pipe().unwrap();
        let loopback = (Ipv4Addr::LOCALHOST, 0);
        let server = Server {
            datagrams: UdpSocket::bind(loopback).unwrap(),
            connections: TcpListener::bind(loopback).unwrap(),
            lookup: Arc::new(|asked| match asked {
                Asked::Name("web") => KnownName::Addresses(vec![Ipv4Addr::new(10, 0, 0, 2).into()]),
                Asked::Address(address) if address == Ipv4Addr::new(10, 0, 0, 2) => {
                    KnownName::Name("web.net".to_owned())
                }
                Asked::Name("inside") => KnownName::NothingAnywhere,
                _ => KnownName::Nothing,
            }),
            servers: Vec::new(),
        };
        let (by_datagram, by_connection) = (
            server.datagrams.local_addr().unwrap(),
            server.connections.local_addr().unwrap(),
        );
        let thread = std::thread::spawn(move || server.serve(end));
        work(by_datagram, by_connection);
        drop(stop);
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn questions_are_answered_both_ways() {
        served(|by_datagram, by_connection| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket
                .set_read_timeout(Some(Duration::from_mins(1)))
                .unwrap();
            let ask = |message: &[u8]| {
                socket.send_to(message, by_datagram).unwrap();
                let mut bytes = [0; 600];
                let length = socket.recv(&mut bytes).unwrap();
                bytes[..length].to_vec()
            };
            socket.send_to(b"no question", by_datagram).unwrap();
            let answer = ask(&asking("web", 1));
            assert!(answer.ends_with(&[10, 0, 0, 2]), "{answer:?}");
            // It is there, without an IPv6 address.
            let answer = ask(&asking("web", 28));
            assert_eq!((answer[3] & 15, answer[7]), (0, 0));
            assert_eq!(ask(&asking("inside", 1))[3] & 15, 3);
            assert_eq!(ask(&asking("example.org", 1))[3] & 15, 2);
            let answer = ask(&asking("2.0.0.10.in-addr.arpa", 12));
            assert!(answer.ends_with(b"\x03web\x03net\x00"));
            let mut stream = TcpStream::connect(by_connection).unwrap();
            send(&mut stream, &asking("web", 1)).unwrap();
            assert!(receive(&mut stream).unwrap().ends_with(&[10, 0, 0, 2]));
        });
    }
}
