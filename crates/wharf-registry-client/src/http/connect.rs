//! Makes connections: name lookup, addresses raced, proxies, TLS.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine as _;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::error::{TransportError, rustls_error};
use super::proxy::without_password;

pub(super) const CONNECTING: &str = "connecting";
pub(super) const TLS: &str = "the TLS handshake";
/// How long looked-up addresses are used again.
const LOOKUP_VALID: Duration = Duration::from_secs(30);
/// How long one address is waited for before the next one is tried beside it (RFC 8305, section 5).
const NEXT_ADDRESS: Duration = Duration::from_millis(250);
/// Longest answer of a proxy to CONNECT.
const PROXY_ANSWER_LIMIT_BYTES: usize = 16 * 1024;

/// A connection, whatever it goes through.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Looks names up and remembers them for a moment, since several connections are made at once.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    known: Mutex<HashMap<(String, u16), Known>>,
}

#[derive(Debug)]
struct Known {
    since: Instant,
    addresses: Vec<SocketAddr>,
}

impl Resolver {
    pub(crate) async fn lookup(&self, url: &Url) -> Result<Vec<SocketAddr>, TransportError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let name = match url.host() {
            Some(Host::Ipv4(address)) => return Ok(vec![SocketAddr::from((address, port))]),
            Some(Host::Ipv6(address)) => return Ok(vec![SocketAddr::from((address, port))]),
            Some(Host::Domain(name)) => name.to_owned(),
            None => String::new(),
        };
        let key = (name, port);
        if let Some(addresses) = self.remembered(&key) {
            return Ok(addresses);
        }
        let failed = |reason| TransportError::Lookup {
            host: key.0.clone(),
            reason,
        };
        let found = tokio::net::lookup_host((key.0.as_str(), port)).await;
        let addresses: Vec<_> = found.map_err(failed)?.collect();
        if addresses.is_empty() {
            return Err(failed(io::Error::other("no such host")));
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Known {
            since: Instant::now(),
            addresses: addresses.clone(),
        };
        known.insert(key, entry);
        Ok(addresses)
    }

    fn remembered(&self, key: &(String, u16)) -> Option<Vec<SocketAddr>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.get(key)?;
        (entry.since.elapsed() < LOOKUP_VALID).then(|| entry.addresses.clone())
    }
}

/// Connects to the host of `url` by TCP: the addresses start a quarter second after each other, and
/// the first that answers wins.
pub(crate) async fn dial(
    resolver: &Resolver,
    url: &Url,
    limit: Duration,
) -> Result<TcpStream, TransportError> {
    let addresses = resolver.lookup(url).await?;
    let mut attempts: FuturesUnordered<_> = (0u32..)
        .zip(&addresses)
        .map(|(position, address)| async move {
            tokio::time::sleep(NEXT_ADDRESS * position).await;
            let connected = timeout(limit, TcpStream::connect(address)).await;
            (*address, connected)
        })
        .collect();
    let mut failure = TransportError::Timeout {
        waiting_for: CONNECTING,
        limit,
    };
    while let Some((address, connected)) = attempts.next().await {
        match connected {
            Ok(Ok(stream)) => {
                // A request is one write; waiting for more would only delay it. Not fatal.
                let _slower: io::Result<()> = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(source)) => {
                failure = TransportError::Dial {
                    address: address.to_string(),
                    source,
                }
            }
            Err(_elapsed) => {}
        }
    }
    Err(failure)
}

/// TLS over `stream` towards the host of `url`.
pub(crate) async fn handshake(
    stream: Box<dyn Io>,
    url: &Url,
    config: Arc<rustls::ClientConfig>,
    limit: Duration,
) -> Result<Box<dyn Io>, TransportError> {
    let host = url.host_str().unwrap_or_default().to_owned();
    let failed = |reason| TransportError::Handshake {
        host: host.clone(),
        reason,
    };
    let name = match url.host() {
        Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::V6(address)),
        _ => ServerName::try_from(host.clone()).map_err(|error| failed(io::Error::other(error)))?,
    };
    let connecting = TlsConnector::from(config).connect(name, stream);
    let connected =
        timeout(limit, connecting)
            .await
            .map_err(|_elapsed| TransportError::Timeout {
                waiting_for: TLS,
                limit,
            })?;
    match connected {
        Ok(stream) => Ok(Box::new(WholeReads(stream))),
        Err(error) => Err(match rustls_error(&error) {
            // A TLS record starts with its type; "HTTP/1.1 400" does not.
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                TransportError::HttpResponseToHttps
            }
            _ => failed(error),
        }),
    }
}

/// Asks the proxy at the other end of `stream` for a tunnel to the host of `url`.
pub(crate) async fn tunnel(
    stream: &mut Box<dyn Io>,
    proxy: &Url,
    url: &Url,
    limit: Duration,
) -> Result<(), TransportError> {
    let refused = |reason: String| TransportError::Proxy {
        proxy: without_password(proxy),
        reason,
    };
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
    if let Some(authorization) = proxy_authorization(proxy) {
        request.push_str("Proxy-Authorization: ");
        request.push_str(&authorization);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let exchange = async {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        read_head(stream).await
    };
    let answer = timeout(limit, exchange)
        .await
        .map_err(|_elapsed| TransportError::Timeout {
            waiting_for: CONNECTING,
            limit,
        })?;
    let head = answer.map_err(|error| refused(error.to_string()))?;
    let status_line = head.lines().next().unwrap_or_default();
    let mut words = status_line.splitn(3, ' ').skip(1);
    let status = words.next().unwrap_or_default();
    if status.len() == 3 && status.starts_with('2') {
        return Ok(());
    }
    let reason = words.next().unwrap_or_default();
    Err(refused(format!("{status} {reason}").trim().to_owned()))
}

/// The value of `Proxy-Authorization`, if the proxy's URL names a user.
pub(crate) fn proxy_authorization(proxy: &Url) -> Option<String> {
    if proxy.username().is_empty() {
        return None;
    }
    let decode = |text: &str| crate::percent::decode(text);
    let user = decode(proxy.username());
    let password = decode(proxy.password().unwrap_or_default());
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    Some(format!("Basic {encoded}"))
}

async fn read_head(stream: &mut Box<dyn Io>) -> io::Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend(buffer.iter().take(read));
        if head.len() > PROXY_ANSWER_LIMIT_BYTES {
            return Err(io::Error::other("the answer is too long"));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// rustls gives one record of at most 16 KiB for each read. Reading until the buffer is full or the
/// socket empty lets hyper's buffers grow, and the chunks of a blob with them.
struct WholeReads<T>(T);

impl<T: AsyncRead + Unpin> AsyncRead for WholeReads<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        loop {
            let before = buffer.filled().len();
            match Pin::new(&mut self.0).poll_read(context, buffer) {
                Poll::Ready(Ok(())) => {
                    if buffer.filled().len() == before || buffer.remaining() == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                // What was read already is given first; the error or the wait comes again.
                Poll::Ready(Err(_)) | Poll::Pending if before > start => {
                    return Poll::Ready(Ok(()));
                }
                other => return other,
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for WholeReads<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        content: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, content)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }
}
