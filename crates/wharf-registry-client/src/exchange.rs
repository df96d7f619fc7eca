//! One request with its redirects: chooses how to trust each host on the way, and takes care that
//! credentials do not leave the host that they are for.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HeaderValue, LOCATION, USER_AGENT,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use url::Url;

use crate::client::ClientConfigError;
use crate::config::ClientConfig;
use crate::error::RedirectError;
use crate::http::body::{RequestBody, ResponseBody};
use crate::http::error::TransportError;
use crate::http::proxy::without_password;
use crate::http::transport::Transport;
use crate::insecure::InsecureRegistries;

/// How many redirects are followed, as in Go.
const REDIRECT_LIMIT: usize = 10;

/// The bytes of a blob that is to be sent, readable from any offset, so that an upload can be taken up
/// again. Chunks of some hundred kilobytes are good.
pub trait BlobSource: Send + Sync {
    /// The bytes from `offset` to the end. Errors end the upload.
    fn chunks(&self, offset: u64) -> BoxStream<'static, io::Result<Bytes>>;
}

impl BlobSource for Bytes {
    fn chunks(&self, offset: u64) -> BoxStream<'static, io::Result<Bytes>> {
        let start = usize::try_from(offset).map_or(self.len(), |start| start.min(self.len()));
        let rest = self.slice(start..);
        Box::pin(futures_util::stream::once(std::future::ready(Ok(rest))))
    }
}

/// Sends requests for every registry.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) transport: Transport,
    pub(crate) insecure: InsecureRegistries,
    user_agent: HeaderValue,
}

/// A request, without where to.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
}

/// What a request carries; can be sent again.
#[derive(Clone)]
pub(crate) enum Payload {
    Bytes(Bytes),
    Source {
        source: Arc<dyn BlobSource>,
        offset: u64,
        length: u64,
    },
}

/// An answer, and the URL that gave it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) response: Response<ResponseBody>,
}

/// Why there is no answer from `url`.
#[derive(Debug)]
pub(crate) struct ExchangeError {
    pub(crate) url: Url,
    pub(crate) reason: ExchangeFailure,
}

#[derive(Debug)]
pub(crate) enum ExchangeFailure {
    Transport(TransportError),
    Redirect(RedirectError),
}

impl Exchange {
    pub(crate) fn new(config: &ClientConfig) -> Result<Self, ClientConfigError> {
        let user_agent = HeaderValue::from_str(&config.user_agent);
        Ok(Self {
            transport: Transport::new(config)?,
            insecure: InsecureRegistries::new(&config.insecure_registries)?,
            user_agent: user_agent.unwrap_or(HeaderValue::from_static("wharf")),
        })
    }

    /// Sends `outgoing` to `url` on behalf of `registry` (`host[:port]`), whose certificates hosts
    /// without their own share. `authorization` goes only to the scheme, host and port of `url`.
    pub(crate) async fn send(
        &self,
        registry: &str,
        mut url: Url,
        outgoing: &Outgoing,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, ExchangeError> {
        let origin = url.origin();
        for _hop in 0..=REDIRECT_LIMIT {
            let authorization = authorization.filter(|_| url.origin() == origin);
            let sent = self.send_once(registry, &url, outgoing, authorization);
            let response = match sent.await {
                Ok(response) => response,
                Err(source) => {
                    let reason = ExchangeFailure::Transport(source);
                    return Err(ExchangeError { url, reason });
                }
            };
            if !is_followed(response.status(), &outgoing.method) {
                return Ok(Answer { url, response });
            }
            let next = self.redirected(registry, &url, response.headers()).await;
            response.into_body().discard().await;
            match next {
                Ok(next) => url = next,
                Err(reason) => {
                    let reason = ExchangeFailure::Redirect(reason);
                    return Err(ExchangeError { url, reason });
                }
            }
        }
        let limit = REDIRECT_LIMIT;
        let reason = ExchangeFailure::Redirect(RedirectError::TooMany { limit });
        Err(ExchangeError { url, reason })
    }

    async fn send_once(
        &self,
        registry: &str,
        url: &Url,
        outgoing: &Outgoing,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<ResponseBody>, TransportError> {
        let tls = match url.scheme() {
            "https" => {
                let target = host_and_port(url);
                let verify = !self.is_insecure(registry, &target).await;
                Some(self.transport.tls.config(registry, &target, verify)?)
            }
            _ => None,
        };
        let mut request = Request::new(outgoing.payload.body());
        *request.method_mut() = outgoing.method.clone();
        let is_empty = hyper::body::Body::is_end_stream(request.body());
        let headers = request.headers_mut();
        headers.clone_from(&outgoing.headers);
        // hyper says no length where there is no body; some servers then ask for one (411).
        if is_empty && !matches!(outgoing.method, Method::GET | Method::HEAD) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        headers.insert(USER_AGENT, self.user_agent.clone());
        // A blob is its bytes; a server that compressed them on the way would only confuse.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let sent = self.transport.send(url, tls, request).await;
        let (method, url) = (&outgoing.method, without_password(url));
        match &sent {
            Ok(response) => {
                tracing::debug!(%method, url, status = response.status().as_u16(), "answered");
            }
            Err(error) => tracing::debug!(%method, url, %error, "not answered"),
        }
        sent
    }

    /// Whether `target` need not show a verified certificate. The same host on another port (a token
    /// server beside its registry) is as insecure as `registry` is.
    pub(crate) async fn is_insecure(&self, registry: &str, target: &str) -> bool {
        if self.is_insecure_host(target).await {
            return true;
        }
        target != registry
            && without_port(target) == without_port(registry)
            && self.is_insecure_host(registry).await
    }

    async fn is_insecure_host(&self, host: &str) -> bool {
        let url = Url::parse(&format!("https://{host}/"));
        // Behind a proxy names are the proxy's business.
        let proxied = url.is_ok_and(|url| self.transport.is_proxied(&url));
        let resolver = (!proxied).then_some(&self.transport.resolver);
        self.insecure.contains(host, resolver).await
    }

    async fn redirected(
        &self,
        registry: &str,
        from: &Url,
        headers: &HeaderMap,
    ) -> Result<Url, RedirectError> {
        let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let target = location.and_then(|location| from.join(location).ok());
        let target = target.filter(|url| matches!(url.scheme(), "http" | "https"));
        let target = target.ok_or(RedirectError::Location)?;
        let downgrade = from.scheme() == "https" && target.scheme() == "http";
        if downgrade && !self.is_insecure(registry, &host_and_port(&target)).await {
            let target = without_password(&target);
            return Err(RedirectError::Downgrade { target });
        }
        Ok(target)
    }
}

impl Outgoing {
    pub(crate) fn new(method: Method) -> Self {
        Self {
            method,
            headers: HeaderMap::new(),
            payload: Payload::Bytes(Bytes::new()),
        }
    }

    /// With the header `name`. Values that HTTP cannot carry are not sent; none of ours are such.
    pub(crate) fn header(mut self, name: http::HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.append(name, value);
            }
            Err(error) => tracing::warn!(%name, %error, "header left out"),
        }
        self
    }

    pub(crate) fn payload(mut self, payload: Payload) -> Self {
        self.payload = payload;
        self
    }
}

impl Payload {
    fn body(&self) -> RequestBody {
        match self {
            Self::Bytes(content) => RequestBody::new(content.clone()),
            Self::Source {
                source,
                offset,
                length,
            } => RequestBody::stream(bounded(source.chunks(*offset), *length), *length),
        }
    }
}

/// `host[:port]` as in the name of an image: without the scheme's own port.
pub(crate) fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

// A redirect that changes the method (303, and by custom 301 and 302) is followed only where there is
// nothing to send.
fn is_followed(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        307 | 308 => true,
        _ => false,
    }
}

// The first `length` bytes of `chunks`, for an upload in pieces.
fn bounded(
    chunks: BoxStream<'static, io::Result<Bytes>>,
    length: u64,
) -> BoxStream<'static, io::Result<Bytes>> {
    use futures_util::StreamExt as _;
    let mut remaining = length;
    Box::pin(chunks.map(move |chunk| {
        let mut chunk = chunk?;
        let wanted = usize::try_from(remaining).unwrap_or(usize::MAX);
        chunk.truncate(wanted);
        remaining -= chunk.len() as u64;
        Ok(chunk)
    }))
}
