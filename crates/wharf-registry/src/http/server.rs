//! The server: requests to their routes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{HOST, HeaderValue, RETRY_AFTER};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::sync::{Mutex, watch};
use tracing::{Instrument as _, Span};

use super::admission::Requirement;
use super::allowance::Allowances;
use super::answer::Answer;
use super::body::{Body, RequestBody};
use super::call::Call;
use super::credentials::{CSRF_TOKEN, identify, nobody};
use super::error::HttpError;
use super::figures::{self, OperationIndex, ServerFigures};
use super::forwarded::Origin;
use super::health;
use super::portal;
use super::query::Query;
use super::route::Route;
use super::routes;
use super::span::{self, FollowTrace};
use crate::config::{MetricsConfig, Network};
use crate::registry::Registry;

/// Longest path and query.
const TARGET_LIMIT_BYTES: usize = 8 << 10;

/// What a server is told at start.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Under what address clients reach it, where that is not what they send as `Host`.
    pub external_url: Option<String>,
    /// Proxies that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<Network>,
    /// Most connections at once; more wait to be accepted.
    pub connection_limit: usize,
    /// How long a client may take for the head of a request, and stay silent between two.
    pub header_timeout: Duration,
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: Duration,
    /// How long requests may go on after the server was told to stop.
    pub shutdown_grace: Duration,
    /// How many requests a second one client may make.
    pub requests_per_second: Option<u32>,
    /// Who may read the figures.
    pub metrics: MetricsConfig,
    /// How a request's span follows the trace that the request belongs to, where traces are collected.
    pub follow_trace: Option<FollowTrace>,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            external_url: None,
            trusted_proxies: Vec::new(),
            connection_limit: 4096,
            header_timeout: Duration::from_mins(1),
            write_timeout: Duration::from_mins(1),
            shutdown_grace: Duration::from_secs(30),
            requests_per_second: None,
            metrics: MetricsConfig::default(),
            follow_trace: None,
        }
    }
}

/// What is learned of a request on its way, for the access log and the answer.
struct Notes {
    method: Method,
    path: String,
    operation: &'static str,
    index: OperationIndex,
    actor: String,
    /// Not for the log: what the answer tells the page of a session.
    csrf_token: Option<String>,
}

/// Answers requests for a registry.
#[derive(Clone)]
pub struct Server {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    registry: Registry,
    pub(super) settings: Arc<ServerSettings>,
    /// Turns true when requests under way have to come to their end.
    pub(super) ending: Arc<watch::Sender<bool>>,
    routes: Vec<Route>,
    pub(super) figures: Arc<ServerFigures>,
    allowances: Option<Allowances>,
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
        let routes = routes::table();
        let figures = ServerFigures::new(routes.iter().map(|route| route.operation));
        Self {
            shared: Arc::new(Shared {
                registry,
                allowances: settings.requests_per_second.map(Allowances::new),
                figures: Arc::new(figures),
                settings: Arc::new(settings),
                ending: Arc::new(watch::Sender::new(false)),
                routes,
            }),
        }
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        secure: bool,
    ) -> Response<Body> {
        let started = Instant::now();
        let figures = &self.shared.figures;
        let settings = &self.shared.settings;
        let origin = Origin::of(peer, secure, request.headers(), &settings.trusted_proxies);
        let span = self.begin_span(&request, origin);
        let _in_flight = figures.in_flight.enter();
        let mut notes = Notes {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            operation: "",
            index: figures.unknown(),
            actor: String::new(),
            csrf_token: None,
        };
        let routed = self.route(request, origin, &mut notes);
        let outcome = routed.instrument(span.clone()).await;
        if let Err(error) = &outcome {
            figures.failed(error);
        }
        let mut response = outcome.unwrap_or_else(|error| match notes.path.strip_prefix("/v2/") {
            Some(_) => error.of_distribution().into_response(),
            None => error.into_response(),
        });
        span::end(&span, &notes.actor, response.status());
        let time = started.elapsed();
        figures.answered(notes.index, response.status(), time);
        let csrf_token = notes.csrf_token.as_deref().map(HeaderValue::from_str);
        if let Some(Ok(token)) = csrf_token {
            response.headers_mut().insert(CSRF_TOKEN, token);
        }
        tracing::info!(
            target: "access",
            client = %origin.client,
            method = %notes.method,
            path = notes.path,
            operation = notes.operation,
            actor = notes.actor,
            status = response.status().as_u16(),
            bytes = hyper::body::Body::size_hint(response.body()).exact(),
            microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
        );
        response
    }

    /// Answers where only figures and health are served, to everybody.
    pub(super) async fn answer_figures(&self, request: Request<Incoming>) -> Response<Body> {
        let registry = &self.shared.registry;
        let is_reading = matches!(*request.method(), Method::GET | Method::HEAD);
        let answer = match request.uri().path() {
            "/metrics" if is_reading => {
                Ok(figures::page(self.shared.figures.expose(registry).await))
            }
            "/livez" if is_reading => Ok(health::alive()),
            "/readyz" if is_reading => Ok(health::ready(registry).await),
            _ => Err(HttpError::new(
                StatusCode::NOT_FOUND,
                "NOT_FOUND",
                "only /metrics, /livez and /readyz are served here",
            )),
        };
        answer.map_or_else(HttpError::into_response, Answer::into_response)
    }

    /// The span of a request, where traces are collected.
    fn begin_span(&self, request: &Request<Incoming>, origin: Origin) -> Span {
        let Some(follow) = self.shared.settings.follow_trace else {
            return Span::none();
        };
        let (method, path) = (request.method(), request.uri().path());
        let found = routes::find(&self.shared.routes, method, path);
        let operation = found.map_or("other", |(_, route, _)| route.operation);
        let span = span::begin(method, path, origin, operation);
        follow(&span, request.headers());
        span
    }

    async fn route(
        &self,
        request: Request<Incoming>,
        origin: Origin,
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
        if let Some(allowances) = &self.shared.allowances
            && !allowances.take(origin.client, Instant::now())
        {
            self.shared.figures.refused_for_haste.increment();
            return Err(HttpError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                "too many requests from your address; go on more slowly",
            )
            .header(RETRY_AFTER, HeaderValue::from_static("1")));
        }
        let found = routes::find(&self.shared.routes, &head.method, path);
        if let Err(refusal) = &found
            && refusal.status() == StatusCode::NOT_FOUND
            && matches!(head.method, Method::GET | Method::HEAD)
            && let Some(page) = portal::answer(path, &head.headers)
        {
            notes.operation = "getPortal";
            notes.index = self.shared.figures.portal();
            return Ok(page.into_response());
        }
        let (index, route, parts) = found?;
        notes.operation = route.operation;
        notes.index = OperationIndex(index);
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
            client: origin.client,
            secure: origin.secure,
            requester: nobody(),
            body: Mutex::new(Some(body)),
            figures: Arc::clone(&self.shared.figures),
            ending: Arc::clone(&self.shared.ending),
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
