//! Sends one request and gives its answer: finds or makes a connection, watches over stalls, and puts
//! the connection back when the answer was read.
//!
//! hyper's HTTP/1.1 connection is used directly. From a registry on loopback it gives as many bytes a
//! second, and for as many CPU seconds (0.20 to 0.25 per GB), as reading the bare socket does: its
//! read buffer grows with what the socket holds, and a chunk is a slice of that buffer. Several blobs
//! take several connections, which one HTTP/2 connection with its window would not beat.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use http::{Request, Response, Uri};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig as TlsConfig;
use tokio::time::timeout;
use url::{Position, Url};

use super::body::{BodyProgress, RequestBody, ResponseBody};
use super::connect::{self, Io, Resolver};
use super::error::TransportError;
use super::proxy::{ProxyError, ProxyRules};
use super::tls::{TlsError, TlsFactory};
use crate::config::{ClientConfig, Timeouts};

/// Idle connections older than this are not used again: servers close them about then.
const IDLE_AGE_LIMIT: Duration = Duration::from_secs(30);
/// Most idle connections kept to one server.
const IDLE_LIMIT: usize = 16;
/// How far hyper's buffers may grow.
const BUFFER_LIMIT_BYTES: usize = 1024 * 1024;

/// Sends requests.
#[derive(Debug)]
pub(crate) struct Transport {
    pub(crate) resolver: Resolver,
    pub(crate) tls: TlsFactory,
    proxies: ProxyRules,
    timeouts: Timeouts,
    pool: Arc<Pool>,
}

#[derive(Debug, Default)]
struct Pool {
    idle: Mutex<HashMap<PoolKey, Vec<(Instant, Connection)>>>,
}

// Scheme, host and port, and which TLS configuration the connection was made with.
type PoolKey = (String, usize);

struct Connection {
    sender: SendRequest<RequestBody>,
    // Where requests go to a proxy that forwards them, instead of through a tunnel.
    forwarding_proxy: Option<Url>,
}

/// A connection whose answer is still being read.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    key: PoolKey,
    connection: Connection,
}

impl Transport {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, ProxyError> {
        Ok(Self {
            resolver: Resolver::default(),
            tls: TlsFactory::new(config),
            proxies: ProxyRules::new(&config.proxies)?,
            timeouts: config.timeouts,
            pool: Arc::default(),
        })
    }

    /// Whether requests to `url` leave through a proxy, which then looks the name up.
    pub(crate) fn is_proxied(&self, url: &Url) -> bool {
        self.proxies.proxy_for(url).is_some()
    }

    /// Sends `request` to `url`. `tls` is given exactly for `https:`. Nothing is tried twice, but for
    /// a kept connection that the server closed before it saw the request.
    pub(crate) async fn send(
        &self,
        url: &Url,
        tls: Option<Arc<TlsConfig>>,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, TransportError> {
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        let host = host.map_err(|error| TransportError::Request {
            source: error.into(),
        })?;
        request.headers_mut().insert(HOST, host);
        let identity = tls.as_ref().map_or(0, |tls| Arc::as_ptr(tls).addr());
        let key = (url[..Position::BeforePath].to_owned(), identity);
        while let Some(connection) = self.pool.take(&key).await {
            let again = request.body().try_clone().map(|body| {
                let mut copy = Request::new(body);
                *copy.method_mut() = request.method().clone();
                *copy.headers_mut() = request.headers().clone();
                copy
            });
            match self.exchange(&key, connection, url, request).await {
                Ok(response) => return Ok(response),
                Err((error, unsent)) => match (unsent, again) {
                    (Some(unsent), _) => request = unsent,
                    // The server closed the connection before it answered anything at all.
                    (None, Some(again)) if is_stale(&error) && again.method().is_idempotent() => {
                        request = again;
                    }
                    _ => return Err(error),
                },
            }
        }
        let connection = self.connect(url, tls).await?;
        let sent = self.exchange(&key, connection, url, request).await;
        sent.map_err(|(error, _unsent)| error)
    }

    async fn exchange(
        &self,
        key: &PoolKey,
        mut connection: Connection,
        url: &Url,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, (TransportError, Option<Request<RequestBody>>)> {
        if let Err(error) = connection.address(url, &mut request) {
            return Err((error, None));
        }
        let progress = request.body().progress();
        let sending = connection.sender.try_send_request(request);
        let answer = self.watch(sending, &progress).await;
        let answer = answer.map_err(|error| (error, None))?;
        match answer {
            Ok(response) => {
                let lease = Lease {
                    pool: Arc::clone(&self.pool),
                    key: key.clone(),
                    connection,
                };
                let idle = self.timeouts.idle;
                Ok(response.map(|incoming| ResponseBody::new(incoming, lease, idle)))
            }
            Err(mut error) => {
                let unsent = error.take_message();
                Err((broken(error.into_error()), unsent))
            }
        }
    }

    // Waits for the answer to begin. While the body is being sent, progress is what keeps it waiting.
    async fn watch<T>(
        &self,
        sending: impl Future<Output = T>,
        progress: &BodyProgress,
    ) -> Result<T, TransportError> {
        let mut sending = pin!(sending);
        loop {
            let before = progress.now();
            let (waiting_for, limit) = if before.1 {
                ("the answer", self.timeouts.response)
            } else {
                ("the server to take more", self.timeouts.idle)
            };
            match timeout(limit, &mut sending).await {
                Ok(answer) => return Ok(answer),
                Err(_elapsed) if progress.now() != before => {}
                Err(_elapsed) => return Err(TransportError::Timeout { waiting_for, limit }),
            }
        }
    }

    async fn connect(
        &self,
        url: &Url,
        tls: Option<Arc<TlsConfig>>,
    ) -> Result<Connection, TransportError> {
        let limit = self.timeouts.connect;
        let proxy = self.proxies.proxy_for(url);
        let stream = connect::dial(&self.resolver, proxy.unwrap_or(url), limit).await?;
        let mut stream: Box<dyn Io> = Box::new(stream);
        if let Some(proxy) = proxy {
            if proxy.scheme() == "https" {
                let name = proxy.host_str().unwrap_or_default();
                let config = self.tls.config(name, name, true).map_err(setup)?;
                stream = connect::handshake(stream, proxy, config, limit).await?;
            }
            if tls.is_some() {
                connect::tunnel(&mut stream, proxy, url, limit).await?;
            }
        }
        let forwarding_proxy = proxy.filter(|_| tls.is_none()).cloned();
        if let Some(config) = tls {
            stream = connect::handshake(stream, url, config, limit).await?;
        }
        let (sender, driver) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(BUFFER_LIMIT_BYTES)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(%error, "connection ended");
            }
        });
        Ok(Connection {
            sender,
            forwarding_proxy,
        })
    }
}

impl Connection {
    // A proxy that forwards is given the whole URL; everybody else only the path.
    fn address(&self, url: &Url, request: &mut Request<RequestBody>) -> Result<(), TransportError> {
        let target = match self.forwarding_proxy {
            Some(_) => &url[..Position::AfterQuery],
            None => &url[Position::BeforePath..Position::AfterQuery],
        };
        let invalid = |source| TransportError::Request { source };
        *request.uri_mut() = Uri::try_from(target).map_err(|error| invalid(error.into()))?;
        let proxy = self.forwarding_proxy.as_ref();
        if let Some(authorization) = proxy.and_then(connect::proxy_authorization) {
            let value = HeaderValue::from_str(&authorization);
            let value = value.map_err(|error| invalid(error.into()))?;
            request.headers_mut().insert(PROXY_AUTHORIZATION, value);
        }
        Ok(())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Pool {
    // A connection that is alive and ready, as far as one can know.
    async fn take(&self, key: &PoolKey) -> Option<Connection> {
        loop {
            let (since, mut connection) = {
                let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
                idle.get_mut(key)?.pop()?
            };
            let young = since.elapsed() < IDLE_AGE_LIMIT;
            if young && connection.sender.ready().await.is_ok() {
                return Some(connection);
            }
        }
    }
}

impl Lease {
    pub(super) fn give_back(self) {
        if self.connection.sender.is_closed() {
            return;
        }
        let mut idle = self
            .pool
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let connections = idle.entry(self.key).or_default();
        if connections.len() < IDLE_LIMIT {
            connections.push((Instant::now(), self.connection));
        }
    }
}

fn setup(error: TlsError) -> TransportError {
    TransportError::TlsSetup(error)
}

fn is_stale(error: &TransportError) -> bool {
    let TransportError::Broken { reason: source } = error else {
        return false;
    };
    source.is_canceled() || source.is_incomplete_message() || source.is_closed() || is_reset(source)
}

fn is_reset(error: &hyper::Error) -> bool {
    let source = std::error::Error::source(error);
    source
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| {
            matches!(
                source.kind(),
                std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
            )
        })
}

// An error of the source of a request's body is ours, not the connection's.
fn broken(error: hyper::Error) -> TransportError {
    if error.is_user()
        && let Some(source) = std::error::Error::source(&error)
        && let Some(source) = source.downcast_ref::<std::io::Error>()
    {
        let source = std::io::Error::new(source.kind(), source.to_string());
        return TransportError::RequestBody { source };
    }
    TransportError::Broken { reason: error }
}
