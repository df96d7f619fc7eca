//! The server: connections in, requests to their routes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{ALLOW, HOST, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::JoinSet;

use super::admission::Requirement;
use super::body::{Body, RequestBody};
use super::call::Call;
use super::credentials::{CSRF_TOKEN, identify, nobody};
use super::error::HttpError;
use super::path::PathParts;
use super::patient_stream::PatientStream;
use super::portal;
use super::query::Query;
use super::route::Route;
use super::routes;
use crate::registry::Registry;

/// Longest path and query.
const TARGET_LIMIT_BYTES: usize = 8 << 10;
/// Most a connection buffers of what it reads.
const BUFFER_BYTES: usize = 64 << 10;
/// Most header lines of a request.
const HEADER_LIMIT: usize = 100;

/// What a server is told at start.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Under what address clients reach it, where that is not what they send as `Host`.
    pub external_url: Option<String>,
    /// Most connections at once; more wait to be accepted.
    pub connection_limit: usize,
    /// How long a client may take for the head of a request, and stay silent between two.
    pub header_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: Duration,
    /// How long requests may go on after the server was told to stop.
    pub shutdown_grace: Duration,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            external_url: None,
            connection_limit: 4096,
            header_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_mins(1),
            shutdown_grace: Duration::from_secs(30),
        }
    }
}

/// What is learned of a request on its way, for the access log and the answer.
struct Notes {
    method: Method,
    path: String,
    operation: &'static str,
    actor: String,
    /// Not for the log: what the answer tells the page of a session.
    csrf_token: Option<String>,
}

/// Answers requests for a registry.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

struct Shared {
    registry: Registry,
    settings: Arc<ServerSettings>,
    routes: Vec<Route>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("registry", &self.shared.registry)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server for `registry`.
    pub fn new(registry: Registry, settings: ServerSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                registry,
                settings: Arc::new(settings),
                routes: routes::table(),
            }),
        }
    }

    /// Serves connections of `listener` until `stop` turns true, then lets requests under way come to their end.
    pub async fn serve(&self, listener: TcpListener, mut stop: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(self.shared.settings.connection_limit));
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &places) => accepted,
                () = stopped(&mut stop) => break,
            };
            while connections.try_join_next().is_some() {}
            let Some((stream, peer, place)) = accepted else {
                continue;
            };
            let server = self.clone();
            let stop = stop.clone();
            connections.spawn(async move {
                server.serve_connection(stream, peer, false, stop).await;
                drop(place);
            });
        }
        drop(listener);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.shared.settings.shutdown_grace, all_ended)
            .await
            .is_err()
        {
            tracing::warn!("connections that did not end in time are cut off");
        }
    }

    async fn serve_connection(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        secure: bool,
        mut stop: watch::Receiver<bool>,
    ) {
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(request, peer, secure).await) }
        });
        let stream = PatientStream::new(stream, self.shared.settings.write_timeout);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.shared.settings.header_timeout)
            .max_headers(HEADER_LIMIT)
            .max_buf_size(BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let outcome = tokio::select! {
            outcome = connection.as_mut() => outcome,
            () = stopped(&mut stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = outcome {
            tracing::debug!(%peer, %error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        secure: bool,
    ) -> Response<Body> {
        let started = Instant::now();
        let mut notes = Notes {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            operation: "",
            actor: String::new(),
            csrf_token: None,
        };
        let outcome = self.route(request, peer, secure, &mut notes).await;
        let mut response = outcome.unwrap_or_else(|error| match notes.path.strip_prefix("/v2/") {
            Some(_) => error.of_distribution().into_response(),
            None => error.into_response(),
        });
        let csrf_token = notes.csrf_token.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(token)) = csrf_token {
            response.headers_mut().insert(CSRF_TOKEN, token);
        }
        tracing::info!(
            target: "access",
            client = %peer.ip(),
            method = %notes.method,
            path = notes.path,
            operation = notes.operation,
            actor = notes.actor,
            status = response.status().as_u16(),
            bytes = hyper::body::Body::size_hint(response.body()).exact(),
            microseconds = started.elapsed().as_micros(),
        );
        response
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        secure: bool,
        notes: &mut Notes,
    ) -> Result<Response<Body>, HttpError> {
        let (head, body) = request.into_parts();
        let body = RequestBody::new(body, &head.headers);
        check_host(&head)?;
        let path = head.uri.path();
        let query = head.uri.query().unwrap_or_default();
        if path.len() + query.len() > TARGET_LIMIT_BYTES {
            return Err(HttpError::new(
                StatusCode::URI_TOO_LONG,
                "BAD_REQUEST",
                format!("path and query are longer than {TARGET_LIMIT_BYTES} bytes"),
            ));
        }
        let found = self.shared.find(&head.method, path);
        if let Err(refusal) = &found
            && refusal.status() == StatusCode::NOT_FOUND
            && matches!(head.method, Method::GET | Method::HEAD)
            && let Some(page) = portal::answer(path, &head.headers)
        {
            notes.operation = "getPortal";
            return Ok(page.into_response());
        }
        let (route, parts) = found?;
        notes.operation = route.operation;
        let query = Query::parse(query).ok_or_else(|| {
            HttpError::bad_request("the query has a broken escape or too many parameters")
        })?;
        let mut call = Call {
            registry: self.shared.registry.clone(),
            server: Arc::clone(&self.shared.settings),
            path: path.to_owned(),
            method: head.method,
            parts,
            query,
            headers: head.headers,
            peer,
            secure,
            requester: nobody(),
            body: Mutex::new(Some(body)),
        };
        if route.requirement != Requirement::Open {
            let caller = identify(&call).await?;
            call.requester = caller.requester;
            notes.csrf_token = caller.csrf_token;
            notes.actor.push_str(call.principal().name());
        }
        Ok(route.handle(call).await?.into_response())
    }
}

impl Shared {
    /// The route of a request, or why there is none.
    fn find(&self, method: &Method, path: &str) -> Result<(&Route, PathParts), HttpError> {
        let components: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
        let mut allowed = Vec::new();
        for route in &self.routes {
            let Some(named) = route.pattern.matches(&components) else {
                continue;
            };
            if route.method == *method {
                let parts = PathParts::decode(named).map_err(|_bad| {
                    HttpError::bad_request(
                        "the path has a broken escape, or a slash that is escaped",
                    )
                })?;
                return Ok((route, parts));
            }
            allowed.push(route.method.as_str());
        }
        if allowed.is_empty() {
            return Err(HttpError::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "there is nothing at this path",
            ));
        }
        let error = HttpError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            format!("{method} does not work here; {} does", allowed.join(", ")),
        );
        Err(match HeaderValue::from_str(&allowed.join(", ")) {
            Ok(methods) => error.header(ALLOW, methods),
            Err(_no_header) => error,
        })
    }
}

/// Sees that the request says once, and in the right form, to whom it was sent (RFC 9112, section 3.2): answers name that
/// address, and a proxy in between may read another one of two.
fn check_host(head: &http::request::Parts) -> Result<(), HttpError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let is_right = match (hosts.next(), hosts.next()) {
        (None, _) => head.version < Version::HTTP_11,
        (Some(host), None) => host
            .to_str()
            .ok()
            .and_then(|host| host.parse::<Authority>().ok())
            .is_some_and(|host| !host.as_str().contains('@')),
        (Some(_), Some(_)) => false,
    };
    if is_right {
        return Ok(());
    }
    Err(HttpError::bad_request(
        "a request needs one Host header with a host and perhaps a port",
    ))
}

/// Waits until the server is told to stop, or whoever could tell it is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Both mean the same, and the value is of no use.
    let _told_or_gone = stop.wait_for(|stop| *stop).await.is_ok();
}

type Accepted = (
    tokio::net::TcpStream,
    SocketAddr,
    tokio::sync::OwnedSemaphorePermit,
);

/// The next connection, when there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> Option<Accepted> {
    // The semaphore is never closed.
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are written whole; waiting for more to send would only delay them.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%peer, %error, "a connection ended before it began");
            }
            Some((stream, peer, place))
        }
        Err(error) => {
            // No file descriptors are left, or the client is gone again: others get through when some end.
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
            None
        }
    }
}
