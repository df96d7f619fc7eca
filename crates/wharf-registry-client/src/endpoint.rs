//! One server that serves a registry: the registry itself or a mirror of it. Finds out whether it
//! speaks TLS, and answers its challenges.

use std::sync::atomic::{AtomicBool, Ordering};

use http::header::HeaderValue;
use http::{Method, StatusCode};
use url::Url;

use crate::auth::authenticator::{AuthContext, Authenticator};
use crate::error::RequestError;
use crate::exchange::{Answer, Exchange, ExchangeError, ExchangeFailure, Outgoing, host_and_port};
use crate::http::proxy::without_password;

/// A server, and what was learned about it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    host: String,
    // A mirror's URL names its scheme; otherwise it is found out.
    scheme: Option<&'static str>,
    pub(crate) is_mirror: bool,
    pub(crate) authenticator: Authenticator,
    // Once TLS worked there is no way back: what answers without it then is somebody else.
    tls_worked: AtomicBool,
    plain_worked: AtomicBool,
    // A mirror that could not be reached is not asked again in this process.
    given_up: AtomicBool,
}

/// Where a request goes.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// A path on the endpoint, `/v2/...`, with its query.
    Path(String),
    /// Where the registry itself sent us, such as the URL of an upload.
    Url(Url),
}

impl Endpoint {
    pub(crate) fn registry(host: &str, authenticator: Authenticator) -> Self {
        Self::new(host.to_owned(), None, authenticator)
    }

    /// A mirror, by a URL that must have no path.
    pub(crate) fn mirror(url: &Url, authenticator: Authenticator) -> Self {
        let scheme = if url.scheme() == "http" {
            "http"
        } else {
            "https"
        };
        let mut endpoint = Self::new(host_and_port(url), Some(scheme), authenticator);
        endpoint.is_mirror = true;
        endpoint
    }

    fn new(host: String, scheme: Option<&'static str>, authenticator: Authenticator) -> Self {
        Self {
            host,
            scheme,
            is_mirror: false,
            authenticator,
            tls_worked: AtomicBool::new(false),
            plain_worked: AtomicBool::new(false),
            given_up: AtomicBool::new(false),
        }
    }

    /// `host[:port]`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Shows a password from now on without being asked for it.
    pub(crate) fn show_password(&self) {
        self.authenticator.show_password();
    }

    /// Whether nothing is to be expected of this mirror any more.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Relaxed)
    }

    /// Sends a request and answers one challenge; any other answer, whatever its status, is given as
    /// it is. Nothing is tried again.
    pub(crate) async fn send(
        &self,
        exchange: &Exchange,
        outgoing: &Outgoing,
        target: &Target,
        scopes: &[String],
    ) -> Result<Answer, RequestError> {
        let mut was_challenged = false;
        loop {
            let authorization = self
                .authorization(exchange, outgoing, target, scopes)
                .await?;
            let sent = self.send_as(exchange, outgoing, target, authorization.as_ref());
            let answer = sent.await?;
            let unauthorized = answer.response.status() == StatusCode::UNAUTHORIZED;
            let asks_us = self.is_ours(&answer.url);
            if !unauthorized || was_challenged || !asks_us {
                return Ok(answer);
            }
            let headers = answer.response.headers();
            if !self
                .authenticator
                .challenged(headers, authorization.as_ref(), scopes)
            {
                return Ok(answer);
            }
            was_challenged = true;
            answer.response.into_body().discard().await;
        }
    }

    async fn authorization(
        &self,
        exchange: &Exchange,
        outgoing: &Outgoing,
        target: &Target,
        scopes: &[String],
    ) -> Result<Option<HeaderValue>, RequestError> {
        if let Target::Url(url) = target
            && !self.is_ours(url)
        {
            return Ok(None);
        }
        let context = AuthContext {
            exchange,
            registry: &self.host,
            over_tls: self.tls_worked.load(Ordering::Relaxed),
        };
        let authorization = self.authenticator.authorization(&context, scopes).await;
        authorization.map_err(|source| RequestError::Authentication {
            method: outgoing.method.clone(),
            url: self.shown(target),
            source: Box::new(source),
        })
    }

    /// Sends a request with just this `authorization`: by TLS first; without TLS only where that is
    /// allowed, and only until TLS has worked once.
    pub(crate) async fn send_as(
        &self,
        exchange: &Exchange,
        outgoing: &Outgoing,
        target: &Target,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, RequestError> {
        let path = match target {
            Target::Url(url) => {
                let sent = exchange.send(&self.host, url.clone(), outgoing, authorization);
                return sent.await.map_err(|error| request_error(outgoing, error));
            }
            Target::Path(path) => path,
        };
        let mut failure = None;
        for scheme in self.schemes() {
            if failure.is_some() && !self.may_speak_plainly(exchange).await {
                break;
            }
            let url = self.url(scheme, path, &outgoing.method)?;
            let sent = exchange
                .send(&self.host, url, outgoing, authorization)
                .await;
            let error = match sent {
                Ok(answer) => {
                    self.learned(scheme);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let unreachable = matches!(
                &error.reason,
                ExchangeFailure::Transport(reason) if reason.is_before_request()
            );
            let error = request_error(outgoing, error);
            if !unreachable {
                return Err(error);
            }
            self.given_up.store(self.is_mirror, Ordering::Relaxed);
            failure = Some(error);
        }
        Err(failure.unwrap_or_else(|| self.no_scheme(outgoing)))
    }

    fn schemes(&self) -> impl Iterator<Item = &'static str> {
        let tls_worked = self.tls_worked.load(Ordering::Relaxed);
        let plain_worked = self.plain_worked.load(Ordering::Relaxed);
        let schemes: &[_] = match self.scheme {
            Some("http") => &["http"],
            Some(_) => &["https"],
            None if tls_worked => &["https"],
            None if plain_worked => &["http"],
            None => &["https", "http"],
        };
        schemes.iter().copied()
    }

    async fn may_speak_plainly(&self, exchange: &Exchange) -> bool {
        exchange.is_insecure(&self.host, &self.host).await
    }

    fn learned(&self, scheme: &str) {
        let worked = if scheme == "https" {
            &self.tls_worked
        } else {
            &self.plain_worked
        };
        worked.store(true, Ordering::Relaxed);
    }

    fn url(&self, scheme: &str, path: &str, method: &Method) -> Result<Url, RequestError> {
        let text = format!("{scheme}://{}{path}", self.host);
        Url::parse(&text).map_err(|error| RequestError::Protocol {
            method: method.clone(),
            url: text,
            reason: error.to_string(),
        })
    }

    // Our own name may say the port that its scheme has anyway.
    fn is_ours(&self, url: &Url) -> bool {
        let ours = Url::parse(&format!("{}://{}/", url.scheme(), self.host));
        ours.is_ok_and(|ours| ours.origin() == url.origin())
    }

    fn shown(&self, target: &Target) -> String {
        match target {
            Target::Url(url) => without_password(url),
            Target::Path(path) => {
                let scheme = self.schemes().last().unwrap_or("https");
                let path = path.split('?').next().unwrap_or_default();
                format!("{scheme}://{}{path}", self.host)
            }
        }
    }

    fn no_scheme(&self, outgoing: &Outgoing) -> RequestError {
        RequestError::Protocol {
            method: outgoing.method.clone(),
            url: self.host.clone(),
            reason: "no way to reach the registry".to_owned(),
        }
    }
}

/// Names the request that failed.
pub(crate) fn request_error(outgoing: &Outgoing, error: ExchangeError) -> RequestError {
    let method = outgoing.method.clone();
    let ExchangeError { url, reason } = error;
    match reason {
        ExchangeFailure::Redirect(reason) => RequestError::Redirect {
            method,
            url: without_password(&url),
            reason,
        },
        ExchangeFailure::Transport(source) if source.is_before_request() => {
            // Docker tries the API's root first; searches are of the API before it, which has none, and what is
            // no registry has no API.
            let base_url = if url.path().starts_with("/v2/") {
                format!("{}://{}/v2/", url.scheme(), host_and_port(&url))
            } else {
                without_password(&url)
            };
            RequestError::Unreachable {
                method: Method::GET,
                base_url,
                source: Box::new(source),
            }
        }
        ExchangeFailure::Transport(source) => RequestError::Interrupted {
            method,
            url: without_password(&url),
            source: Box::new(source),
        },
    }
}
