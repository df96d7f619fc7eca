//! A counting proxy before the registry: it passes HTTP/1.1 on unchanged and remembers every request.

use std::io::{self, BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Result;

/// A head larger than this is not from a registry's client.
const HEAD_LIMIT_BYTES: u64 = 64 * 1024;

/// One request that passed.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Where the wanted range starts; 0 without a range.
    pub(crate) range_start: u64,
    /// Bytes of the answer's body that were passed on.
    pub(crate) body_bytes: u64,
}

/// A running proxy. Its threads end with the program.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    /// Listens on a free port of loopback and passes everything on to `registry`.
    pub(crate) fn start(registry: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let proxy = Self {
            address: listener.local_addr()?,
            requests: Arc::default(),
        };
        let shared = proxy.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || {
                    // A client that is killed breaks its connection: that is what is measured.
                    drop(shared.serve(client, registry));
                });
            }
        });
        Ok(proxy)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests since the last call.
    pub(crate) fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Request>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, client: TcpStream, registry: SocketAddr) -> io::Result<()> {
        client.set_nodelay(true)?;
        let upstream = TcpStream::connect(registry)?;
        upstream.set_nodelay(true)?;
        let mut to_client = client.try_clone()?;
        let mut to_registry = upstream.try_clone()?;
        let mut from_client = BufReader::with_capacity(256 * 1024, client);
        let mut from_registry = BufReader::with_capacity(256 * 1024, upstream);
        while let Some(head) = Head::read(&mut from_client)? {
            to_registry.write_all(head.text.as_bytes())?;
            relay(
                &mut from_client,
                &mut to_registry,
                head.request_body(),
                |_| (),
            )?;

            let mut words = head.text.split(' ');
            let method = words.next().unwrap_or_default().to_owned();
            let is_head = method == "HEAD";
            let number = {
                let mut requests = self.lock();
                requests.push(Request {
                    method,
                    path: words.next().unwrap_or_default().to_owned(),
                    range_start: head.range_start(),
                    body_bytes: 0,
                });
                requests.len() - 1
            };
            let Some(answer) = Head::read(&mut from_registry)? else {
                return Ok(());
            };
            to_client.write_all(answer.text.as_bytes())?;
            let body = answer.response_body(is_head);
            relay(&mut from_registry, &mut to_client, body, |bytes| {
                if let Some(request) = self.lock().get_mut(number) {
                    request.body_bytes += bytes;
                }
            })?;
        }
        Ok(())
    }
}

/// How long a body is.
#[derive(Clone, Copy)]
enum Body {
    Length(u64),
    Chunked,
    UntilClose,
}

/// The first line and the headers, with the empty line after them.
struct Head {
    text: String,
}

impl Head {
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut text = String::new();
        let mut limited = from.take(HEAD_LIMIT_BYTES);
        loop {
            let before = text.len();
            if limited.read_line(&mut text)? == 0 {
                return Ok(None);
            }
            if text.len() - before <= 2 {
                return Ok(Some(Self { text }));
            }
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    fn is_chunked(&self) -> bool {
        self.header("transfer-encoding")
            .is_some_and(|value| value.eq_ignore_ascii_case("chunked"))
    }

    fn range_start(&self) -> u64 {
        let range = self
            .header("range")
            .and_then(|range| range.strip_prefix("bytes="));
        let start = range.and_then(|range| range.split('-').next()?.parse().ok());
        start.unwrap_or_default()
    }

    fn request_body(&self) -> Body {
        if self.is_chunked() {
            Body::Chunked
        } else {
            Body::Length(self.length().unwrap_or_default())
        }
    }

    fn response_body(&self, to_head: bool) -> Body {
        let status = self.text.split(' ').nth(1).unwrap_or_default();
        if to_head || status == "204" || status == "304" {
            Body::Length(0)
        } else if self.is_chunked() {
            Body::Chunked
        } else {
            self.length().map_or(Body::UntilClose, Body::Length)
        }
    }
}

fn relay(
    from: &mut impl BufRead,
    to: &mut impl Write,
    body: Body,
    mut passed: impl FnMut(u64),
) -> io::Result<()> {
    match body {
        Body::Length(length) => relay_bytes(from, to, length, &mut passed),
        Body::UntilClose => {
            relay_bytes(from, to, u64::MAX, &mut passed)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Body::Chunked => loop {
            let mut line = String::new();
            from.take(HEAD_LIMIT_BYTES).read_line(&mut line)?;
            to.write_all(line.as_bytes())?;
            let size = line.trim().split(';').next().unwrap_or_default();
            let size = u64::from_str_radix(size, 16)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            // Each chunk ends with a line break, and so does the last, empty one.
            relay_bytes(from, to, size, &mut passed)?;
            relay_bytes(from, to, 2, &mut |_| ())?;
            if size == 0 {
                return Ok(());
            }
        },
    }
}

fn relay_bytes(
    from: &mut impl BufRead,
    to: &mut impl Write,
    mut remaining: u64,
    passed: &mut impl FnMut(u64),
) -> io::Result<()> {
    while remaining > 0 {
        let available = from.fill_buf()?;
        if available.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let take = available
            .len()
            .min(usize::try_from(remaining).unwrap_or(usize::MAX));
        to.write_all(&available[..take])?;
        from.consume(take);
        remaining -= take as u64;
        passed(take as u64);
    }
    Ok(())
}
