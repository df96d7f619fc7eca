//! The loop of the proxy: one thread, and the kernel says what is ready.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Resource, getrlimit};
use serde::{Deserialize, Serialize};

use super::super::publish::{HeldPort, HeldSocket};
use super::tcp::Connections;
use super::udp::Sessions;

/// The proxy of a container's ports.
#[derive(Debug)]
pub struct PortProxy {
    ports: Vec<HeldPort>,
    container: ContainerAddresses,
}

/// Where a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerAddresses {
    /// Its address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, if it has one: that of who comes by IPv6.
    pub ipv6: Option<Ipv6Addr>,
}

impl ContainerAddresses {
    /// Where who comes to that address of the host is led to.
    fn for_host(self, host_ip: IpAddr) -> IpAddr {
        match (host_ip, self.ipv6) {
            (IpAddr::V6(_), Some(ipv6)) => ipv6.into(),
            _ => self.ipv4.into(),
        }
    }

    /// As it is told between processes: nothing is unspecified.
    pub(super) fn octets(self) -> [u8; 20] {
        let mut octets = [0; 20];
        let ipv6 = self.ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED);
        let all = self.ipv4.octets().into_iter().chain(ipv6.octets());
        for (to, from) in octets.iter_mut().zip(all) {
            *to = from;
        }
        octets
    }

    fn from_octets(octets: [u8; 20]) -> Self {
        let [a, b, c, d, rest @ ..] = octets;
        let ipv6 = Ipv6Addr::from(rest);
        Self {
            ipv4: Ipv4Addr::new(a, b, c, d),
            ipv6: (!ipv6.is_unspecified()).then_some(ipv6),
        }
    }
}

impl From<Ipv4Addr> for ContainerAddresses {
    fn from(ipv4: Ipv4Addr) -> Self {
        Self { ipv4, ipv6: None }
    }
}

/// Connections and conversations at once, if there are descriptors for so many.
const AT_ONCE_LIMIT: usize = 1024;

/// Descriptors that are not for connections.
const DESCRIPTORS_KEPT: usize = 64;

/// How long nobody is accepted when the system has no descriptors left.
const PAUSE: Duration = Duration::from_secs(1);

impl PortProxy {
    /// For these ports, which lead to the container of those addresses.
    pub fn new(ports: Vec<HeldPort>, container: impl Into<ContainerAddresses>) -> Self {
        Self {
            ports,
            container: container.into(),
        }
    }

    /// Serves until the other end of `told` is closed; addresses that are read there are the container's from then on. It is meant for a process of its own, which SIGTERM ends; it takes no
    /// more than 1,024 connections and as many conversations over UDP at once, fewer if the process may not have so many descriptors.
    pub fn serve(mut self, told: impl AsFd) -> io::Result<()> {
        let most = at_once();
        let mut tcp = Connections::new(most);
        let mut udp = Sessions::new(most);
        let mut resting_until: Option<Instant> = None;
        loop {
            let resting = resting_until.is_some_and(|until| until > Instant::now());
            let accepting = tcp.has_room() && !resting;
            let mut waiting = vec![PollFd::new(&told, PollFlags::IN)];
            waiting.extend(self.ports.iter().map(|held| held.waiting(accepting)));
            let listeners = waiting.len();
            tcp.wait_for(&mut waiting);
            let connections = waiting.len();
            udp.wait_for(&mut waiting);
            let pause = resting_until.map(|until| until.saturating_duration_since(Instant::now()));
            let pause = pause.filter(|_| resting);
            let timeout = pause.into_iter().chain(udp.next_end()).min();
            let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
            match rustix::event::poll(&mut waiting, timeout.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let ready: Vec<PollFlags> = waiting.iter().map(PollFd::revents).collect();
            drop(waiting);
            let part = |from: usize, to: usize| ready.get(from..to).unwrap_or_default();
            if part(0, 1).iter().any(|told| !told.is_empty()) {
                match addresses(&told) {
                    Some(addresses) => self.container = addresses,
                    None => return Ok(()),
                }
            }
            tcp.go_on(part(listeners, connections));
            udp.answer(part(connections, ready.len()), &self.ports);
            let fresh = self.ports.iter().enumerate().zip(part(1, listeners));
            for ((place, held), _) in fresh.filter(|(_, ready)| !ready.is_empty()) {
                let container = self.container.for_host(held.port.host_ip);
                let target = SocketAddr::from((container, held.port.container_port));
                let served = match &held.socket {
                    HeldSocket::Tcp(listener) if accepting => tcp.accept(listener, target),
                    HeldSocket::Tcp(_) => Ok(()),
                    HeldSocket::Udp(socket) => udp.receive(place, socket, target),
                };
                if served.is_err() {
                    resting_until = Some(Instant::now() + PAUSE);
                }
            }
        }
    }
}

impl HeldPort {
    /// What is waited for: a listener that has no room for more is left alone.
    fn waiting(&self, accepting: bool) -> PollFd<'_> {
        match &self.socket {
            HeldSocket::Tcp(listener) => {
                let events = if accepting {
                    PollFlags::IN
                } else {
                    PollFlags::empty()
                };
                PollFd::from_borrowed_fd(listener.as_fd(), events)
            }
            HeldSocket::Udp(socket) => PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN),
        }
    }
}

/// What is told; nothing at the end.
fn addresses(told: impl AsFd) -> Option<ContainerAddresses> {
    let mut octets = [0; 20];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&told, &mut octets)).ok()?;
    (length == octets.len()).then(|| ContainerAddresses::from_octets(octets))
}

/// Each connection has two descriptors, each conversation one.
fn at_once() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let descriptors = limit.and_then(|limit| usize::try_from(limit).ok());
    let descriptors = descriptors
        .unwrap_or(usize::MAX)
        .saturating_sub(DESCRIPTORS_KEPT);
    (descriptors / 3).clamp(1, AT_ONCE_LIMIT)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
    use std::os::fd::OwnedFd;
    use std::thread::JoinHandle;

    use rustix::pipe::pipe;

    use super::super::super::ports::parse_publish;
    use super::super::super::publish::take_ports;
    use super::*;

    /// A proxy on a thread, with the time that the thread needed.
    struct Running {
        port: u16,
        stop: Option<OwnedFd>,
        thread: Option<JoinHandle<Duration>>,
    }

    impl Running {
        /// Before the port `to` of this machine.
        fn before(to: u16, protocol: &str) -> Self {
            let bindings = parse_publish(&format!("127.0.0.1::{to}/{protocol}")).unwrap();
            let held = take_ports(&bindings, Ipv4Addr::LOCALHOST, &|_, _, _| false).unwrap();
            let port = held[0].port.host_port;
            let (stopped, stop) = pipe().unwrap();
            let thread = std::thread::spawn(move || {
                PortProxy::new(held, Ipv4Addr::LOCALHOST)
                    .serve(stopped)
                    .unwrap();
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                Duration::try_from(time).unwrap()
            });
            Self {
                port,
                stop: Some(stop),
                thread: Some(thread),
            }
        }

        fn client(&self) -> TcpStream {
            let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            stream
        }

        /// Ends it; how much time it needed.
        fn end(mut self) -> Duration {
            drop(self.stop.take());
            self.thread.take().unwrap().join().unwrap()
        }
    }

    fn listening() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    /// A question of so many numbers; three times it is the answer. Whether the server has gone before the client reads.
    fn question_and_answer(numbers: u32, gone: bool) {
        let (listener, port) = listening();
        let proxy = Running::before(port, "tcp");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // All of the question first: its end must come through while the answer is still to be written.
            let mut question = Vec::new();
            stream.read_to_end(&mut question).unwrap();
            for _ in 0..3 {
                stream.write_all(&question).unwrap();
            }
        });
        let mut client = proxy.client();
        let question: Vec<u8> = (0..numbers).map(|number| number.to_le_bytes()[1]).collect();
        client.write_all(&question).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        if gone {
            while !server.is_finished() {
                std::thread::yield_now();
            }
        }
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        server.join().unwrap();
        assert_eq!(answer.len(), 3 * question.len());
        assert!(answer.chunks(question.len()).all(|part| part == question));
        proxy.end();
    }

    #[test]
    fn what_is_sent_arrives_and_ends_end_one_side() {
        question_and_answer(3_000_000, false);
        question_and_answer(10_000, true);
    }

    #[test]
    fn many_at_once_and_none_for_nothing() {
        let (listener, port) = listening();
        let proxy = Running::before(port, "tcp");
        let server = std::thread::spawn(move || {
            let streams: Vec<_> = (0..50).map(|_| listener.accept().unwrap().0).collect();
            for mut stream in streams {
                stream.write_all(b"x").unwrap();
            }
            listener
        });
        let mut clients: Vec<_> = (0..50).map(|_| proxy.client()).collect();
        for client in &mut clients {
            client.read_exact(&mut [0]).unwrap();
            assert_eq!(client.read(&mut [0]).unwrap(), 0);
        }
        // Those whose container has ended: their clients may still write. Nobody does anything now.
        let listener = server.join().unwrap();
        let idle = proxy.client();
        let (kept, _) = listener.accept().unwrap();
        let until = Instant::now() + Duration::from_millis(400);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        drop((idle, kept, clients));
        let needed = proxy.end();
        assert!(
            needed < Duration::from_millis(200),
            "it was busy for {needed:?}"
        );
    }

    #[test]
    fn who_is_not_there_ends_the_connection() {
        let (listener, port) = listening();
        drop(listener);
        let proxy = Running::before(port, "tcp");
        let mut client = proxy.client();
        // An end or a reset, and at once.
        assert!(client.read(&mut [0]).map_or(true, |length| length == 0));
        proxy.end();
    }

    #[test]
    fn each_client_gets_its_own_datagrams() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let proxy = Running::before(port, "udp");
        std::thread::spawn(move || {
            let mut bytes = [0; 2000];
            while let Ok((length, from)) = server.recv_from(&mut bytes) {
                bytes[..length].reverse();
                server.send_to(&bytes[..length], from).unwrap();
            }
        });
        let clients: Vec<_> = (0..5)
            .map(|_| {
                let client = UdpSocket::bind("127.0.0.1:0").unwrap();
                client
                    .set_read_timeout(Some(Duration::from_secs(10)))
                    .unwrap();
                client.connect(("127.0.0.1", proxy.port)).unwrap();
                client
            })
            .collect();
        for round in 0..3_u8 {
            for (number, client) in (0_u8..).zip(&clients) {
                client.send(&[number, round, 0]).unwrap();
            }
            for (number, client) in (0_u8..).zip(&clients) {
                let mut bytes = [9; 10];
                assert_eq!(client.recv(&mut bytes).unwrap(), 3);
                assert_eq!(bytes[..3], [0, round, number]);
            }
        }
        proxy.end();
    }
}
