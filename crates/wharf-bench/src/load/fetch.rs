//! Many connections that ask for the same few things again and again, in one thread.
//!
//! One thread, since it leaves the rest of the machine to the server. The bytes of a large body over plain TCP are thrown
//! away inside the kernel, so that receiving costs next to nothing.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use rustix::net::{RecvFlags, recv};
use rustls::ClientConnection;

use super::endpoint::Endpoint;
use super::head::{Body, Head};
use super::latencies::Latencies;

const SCRATCH_BYTES: usize = 1 << 20;
/// So much is read of one connection before the others have their turn.
const TURN_BYTES: usize = 4 << 20;
/// A server that answers nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is asked.
#[derive(Debug)]
pub(crate) struct Fetch<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) connections: usize,
    /// Whole requests, sent in turns. All have the method GET, or all HEAD.
    pub(crate) requests: &'a [Vec<u8>],
    /// Whether answers have no body, whatever length they tell.
    pub(crate) heads: bool,
    /// Asked before anything is counted.
    pub(crate) warm_up: Duration,
    pub(crate) duration: Duration,
}

/// What was answered while it was counted.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) latencies: Latencies,
    /// Of bodies, whole ones or not.
    pub(crate) bytes: u64,
    pub(crate) wall: Duration,
    /// What the server used, as `cpu` told.
    pub(crate) cpu: Duration,
}

/// Does what `plan` says; `cpu` tells how much CPU time the server has used so far.
///
/// Any answer but 200 is an error.
pub(crate) fn fetch(plan: &Fetch<'_>, cpu: impl Fn() -> Result<Duration>) -> Result<Fetched> {
    let mut poll = Poll::new()?;
    let mut connections = Vec::new();
    for place in 0..plan.connections {
        let mut connection = Connection::open(plan, place)?;
        poll.registry()
            .register(&mut connection.socket, Token(place), Interest::READABLE)?;
        connection.ask(plan)?;
        connections.push(connection);
    }
    let mut tally = Tally::default();
    let mut scratch = vec![0; SCRATCH_BYTES];
    let mut events = Events::with_capacity(plan.connections);
    let mut work = |until: Instant, tally: &mut Tally| -> Result<()> {
        loop {
            poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                bail!("nothing was answered for {} s", PATIENCE.as_secs());
            }
            for event in &events {
                let Some(connection) = connections.get_mut(event.token().0) else {
                    continue;
                };
                if connection.take_turn(plan, &mut scratch, tally)? == Turn::MoreIsThere {
                    // It is told of again, after the others.
                    let token = event.token();
                    poll.registry().reregister(
                        &mut connection.socket,
                        token,
                        Interest::READABLE,
                    )?;
                }
            }
            if Instant::now() >= until {
                return Ok(());
            }
        }
    };
    work(Instant::now() + plan.warm_up, &mut tally)?;
    tally.latencies.clear();
    tally.bytes = 0;
    let (begin, cpu_before) = (Instant::now(), cpu()?);
    work(begin + plan.duration, &mut tally)?;
    let (wall, cpu_after) = (begin.elapsed(), cpu()?);
    Ok(Fetched {
        latencies: tally.latencies,
        bytes: tally.bytes,
        wall,
        cpu: cpu_after.saturating_sub(cpu_before),
    })
}

/// What has been counted.
#[derive(Default)]
struct Tally {
    latencies: Latencies,
    bytes: u64,
}

#[derive(PartialEq)]
enum Turn {
    /// The socket is empty.
    Over,
    MoreIsThere,
}

struct Connection {
    socket: TcpStream,
    tls: Option<ClientConnection>,
    /// The place of the next request.
    next: usize,
    asked: Instant,
    /// The beginning of an answer whose head has not come whole.
    beginning: Vec<u8>,
    /// What is still to come of a body, once its head is there.
    body_left: Option<u64>,
}

impl Connection {
    fn open(plan: &Fetch<'_>, place: usize) -> Result<Self> {
        let mut stream = plan.endpoint.connect_plainly()?;
        let mut tls = plan.endpoint.tls_connection()?;
        if let Some(tls) = &mut tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut stream).context("the TLS handshake")?;
            }
        }
        stream.set_nonblocking(true)?;
        Ok(Self {
            socket: TcpStream::from_std(stream),
            tls,
            // They do not all ask for the same at once.
            next: place,
            asked: Instant::now(),
            beginning: Vec::new(),
            body_left: None,
        })
    }

    fn ask(&mut self, plan: &Fetch<'_>) -> Result<()> {
        let request = &plan.requests[self.next % plan.requests.len()];
        self.next += 1;
        self.asked = Instant::now();
        // A request fits into any socket's buffer: a write that would wait is an error.
        match &mut self.tls {
            None => self.socket.write_all(request)?,
            Some(tls) => {
                tls.writer().write_all(request)?;
                while tls.wants_write() {
                    tls.write_tls(&mut self.socket)?;
                }
            }
        }
        Ok(())
    }

    /// Reads what has come, and asks again whenever an answer is whole.
    fn take_turn(
        &mut self,
        plan: &Fetch<'_>,
        scratch: &mut [u8],
        tally: &mut Tally,
    ) -> Result<Turn> {
        let mut read = 0;
        while read < TURN_BYTES {
            let length = match self.receive(scratch) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Turn::Over),
                Err(error) => return Err(error.into()),
            };
            read += length;
            if self.take(plan, &scratch[..length], tally)? {
                tally.latencies.add(self.asked.elapsed());
                self.body_left = None;
                self.ask(plan)?;
                // What comes now is told of again.
                if self.tls.is_none() {
                    return Ok(Turn::Over);
                }
            }
        }
        Ok(Turn::MoreIsThere)
    }

    fn receive(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return match self.body_left {
                // With TRUNC the kernel counts the bytes and copies none.
                Some(left) => {
                    let wanted = scratch
                        .len()
                        .min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (_, length) = recv(&self.socket, &mut scratch[..wanted], RecvFlags::TRUNC)?;
                    Ok(length)
                }
                None => self.socket.read(scratch),
            };
        };
        loop {
            match tls.reader().read(scratch) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return other,
            }
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes the bytes that came in; answers whether they complete an answer.
    fn take(&mut self, plan: &Fetch<'_>, bytes: &[u8], tally: &mut Tally) -> Result<bool> {
        if let Some(left) = self.body_left {
            return self.take_body(left, bytes.len(), tally);
        }
        let whole = if self.beginning.is_empty() {
            bytes
        } else {
            self.beginning.extend(bytes);
            &self.beginning
        };
        let Some(head) = Head::parse(whole)? else {
            if self.beginning.is_empty() {
                self.beginning.extend(bytes);
            }
            return Ok(false);
        };
        let after_head = whole.len() - head.bytes;
        let length = match head.body {
            _ if plan.heads => 0,
            Body::Length(length) => length,
            Body::Chunked => bail!("the server does not say how long an answer is"),
        };
        if head.status != 200 {
            let text = String::from_utf8_lossy(whole).into_owned();
            bail!("a request was answered with {}: {text}", head.status);
        }
        self.beginning.clear();
        self.take_body(length, after_head, tally)
    }

    fn take_body(&mut self, left: u64, come: usize, tally: &mut Tally) -> Result<bool> {
        let come = come as u64;
        let left = left
            .checked_sub(come)
            .context("more was answered than was asked for")?;
        tally.bytes += come;
        self.body_left = Some(left);
        Ok(left == 0)
    }
}
