//! What can go wrong with any request, and what a registry said instead of an answer.
//!
//! The texts are Docker's where Docker has one (moby `distribution/errors.go`, distribution
//! `registry/client/errors.go`), since people search for them.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use wharf_oci::Digest;

use crate::auth::challenge::parse_challenges;
use crate::auth::credentials::CredentialError;
use crate::http::body::ResponseBody;
use crate::http::error::TransportError;
use crate::retry;

/// What is read of an answer that tells of an error.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// How many errors of one answer are kept, and how many characters of each message.
const ERROR_LIMIT: usize = 16;
const MESSAGE_LIMIT: usize = 4096;
/// What is shown of an answer that is no registry's.
const EXCERPT_LIMIT: usize = 200;

/// Why a request to a registry was of no use.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// There is no connection to the registry. As Docker does, the text names its API's root.
    #[error("{} {base_url:?}: {source}", method_word(.method))]
    Unreachable {
        /// Of the request.
        method: Method,
        /// `https://HOST/v2/`, or the URL that it redirected to, or that of a search.
        base_url: String,
        /// Why.
        source: Box<TransportError>,
    },
    /// The connection broke before the answer was complete.
    #[error("{} {url:?}: {source}", method_word(.method))]
    Interrupted {
        /// Of the request.
        method: Method,
        /// What was asked for.
        url: String,
        /// Why.
        source: Box<TransportError>,
    },
    /// We could not show who we are.
    #[error("{} {url:?}: {source}", method_word(.method))]
    Authentication {
        /// Of the request.
        method: Method,
        /// What was asked for.
        url: String,
        /// Why.
        source: Box<AuthError>,
    },
    /// The registry answered that it will not.
    #[error(transparent)]
    Refused(Box<ErrorResponse>),
    /// A redirect that is not followed.
    #[error("{} {url:?}: {reason}", method_word(.method))]
    Redirect {
        /// Of the request.
        method: Method,
        /// What was asked for.
        url: String,
        /// Why it is not followed.
        reason: RedirectError,
    },
    /// An answer that breaks the protocol.
    #[error("{} {url:?}: {reason}", method_word(.method))]
    Protocol {
        /// Of the request.
        method: Method,
        /// What was asked for.
        url: String,
        /// What is wrong with the answer.
        reason: String,
    },
}

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// A circle, or a chain without end.
    #[error("stopped after {limit} redirects")]
    TooMany {
        /// How many were followed.
        limit: usize,
    },
    /// From TLS to no TLS.
    #[error("refused to follow a redirect from https to {target}")]
    Downgrade {
        /// Where to.
        target: String,
    },
    /// Nowhere.
    #[error("redirect without a usable Location")]
    Location,
}

/// Why we could not show who we are.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The registry wants a user and password, and none are known for it.
    #[error("no basic auth credentials")]
    NoBasicCredentials,
    /// The token server's answer holds no token.
    #[error("authorization server did not include a token in the response")]
    NoToken,
    /// The challenge names no usable token server.
    #[error("invalid realm {realm:?} in the registry's challenge")]
    Realm {
        /// As sent.
        realm: String,
    },
    /// A registry behind TLS names a token server without.
    #[error("refused to send credentials to {realm} without TLS")]
    InsecureRealm {
        /// The token server.
        realm: String,
    },
    /// The credentials could not be looked up.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The token server answered that it will not.
    #[error(transparent)]
    TokenServer(Box<ErrorResponse>),
    /// The token server cannot be reached.
    #[error("{} {url:?}: {source}", method_word(.method))]
    Unreachable {
        /// Of the request for a token.
        method: Method,
        /// The token server.
        url: String,
        /// Why.
        source: TransportError,
    },
    /// The token server redirects to where we do not follow.
    #[error("token server {url}: {reason}")]
    Redirect {
        /// The token server.
        url: String,
        /// Why it is not followed.
        reason: RedirectError,
    },
    /// The token server's answer is not a token server's.
    #[error("unable to decode token response of {url}: {source}")]
    TokenAnswer {
        /// The token server.
        url: String,
        /// Why.
        source: serde_json::Error,
    },
}

/// Bytes that are not those of their digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DigestMismatch {
    /// What was asked for or sent.
    pub expected: Digest,
    /// What the registry has instead.
    pub actual: Digest,
}

impl fmt::Display for DigestMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the registry has {}", self.expected, self.actual)
    }
}

/// An answer with an error status: what the registry says about it, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse {
    /// The status.
    pub status: StatusCode,
    /// What was asked for.
    pub url: String,
    /// The errors of the body (OCI distribution specification, "Error Codes"); may be empty.
    pub errors: Vec<ErrorDetail>,
    /// The start of a body that is not a registry's.
    pub excerpt: Option<String>,
    /// How long the registry asks to wait.
    pub retry_after: Option<Duration>,
}

/// One error of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorDetail {
    /// Upper case with underscores: `MANIFEST_UNKNOWN`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl RequestError {
    /// The status that the registry answered, if it did.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(response) => Some(response.status),
            _ => None,
        }
    }

    /// What the registry or its token server said, if either did.
    pub fn response(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Refused(response) => Some(response),
            Self::Authentication { source, .. } => match &**source {
                AuthError::TokenServer(response) => Some(response),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the same may go well a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } | Self::Interrupted { source, .. } => {
                source.may_pass()
            }
            Self::Refused(response) => retry::may_pass(response.status),
            Self::Authentication { source, .. } => match &**source {
                AuthError::TokenServer(response) => retry::may_pass(response.status),
                AuthError::Unreachable { source, .. } => source.may_pass(),
                _ => false,
            },
            Self::Redirect { .. } | Self::Protocol { .. } => false,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.response()?.retry_after
    }
}

impl ErrorResponse {
    /// Reads an answer with an error status.
    pub(crate) async fn read(url: String, response: http::Response<ResponseBody>) -> Self {
        let (parts, body) = response.into_parts();
        let content = body.collect_start(BODY_LIMIT_BYTES).await;
        Self::new(url, parts.status, &parts.headers, &content)
    }

    fn new(url: String, status: StatusCode, headers: &HeaderMap, content: &[u8]) -> Self {
        let mut errors: Vec<_> = challenge_error(status, headers).into_iter().collect();
        let parsed = parse_errors(status, content);
        for error in parsed.iter().flatten() {
            // A challenge often says the same as the body.
            if !errors.contains(error) {
                errors.push(error.clone());
            }
        }
        if errors.is_empty() && status == StatusCode::UNAUTHORIZED {
            errors.push(ErrorDetail::known("UNAUTHORIZED"));
        }
        let is_foreign = parsed.is_none() && !content.is_empty();
        Self {
            status,
            url,
            errors,
            excerpt: is_foreign.then(|| excerpt(content)),
            retry_after: retry::retry_after(headers),
        }
    }

    /// The first error, which is the one that counts.
    pub fn first(&self) -> Option<&ErrorDetail> {
        self.errors.first()
    }

    /// Whether the first error has `code`.
    pub fn has_code(&self, code: &str) -> bool {
        self.first().is_some_and(|error| error.code == code)
    }
}

impl std::error::Error for ErrorResponse {}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errors.as_slice() {
            [] => {
                let (status, url) = (status_text(self.status), &self.url);
                write!(f, "received unexpected HTTP status: {status} from {url}")?;
                match &self.excerpt {
                    None => Ok(()),
                    Some(page) if is_html(page) => {
                        f.write_str(", with a web page instead of a registry's answer")
                    }
                    Some(text) => write!(f, ": {text:?}"),
                }
            }
            [error] => fmt::Display::fmt(error, f),
            errors => {
                f.write_str("errors:\n")?;
                errors.iter().try_for_each(|error| writeln!(f, "{error}"))
            }
        }
    }
}

impl ErrorDetail {
    // An error whose message the registry left to us: the texts of distribution's `errcode`.
    fn known(code: &str) -> Self {
        let message = match code {
            "UNAUTHORIZED" => "authentication required",
            "DENIED" => "requested access to the resource is denied",
            "TOOMANYREQUESTS" => "too many requests",
            "UNSUPPORTED" => "The operation is unsupported.",
            "UNAVAILABLE" => "service unavailable",
            "NAME_UNKNOWN" => "repository name not known to registry",
            "MANIFEST_UNKNOWN" => "manifest unknown",
            "BLOB_UNKNOWN" => "blob unknown to registry",
            "BLOB_UPLOAD_UNKNOWN" => "blob upload unknown to registry",
            "DIGEST_INVALID" => "provided digest did not match uploaded content",
            _ => "unknown error",
        };
        Self {
            code: code.to_owned(),
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for ErrorDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.to_lowercase().replace('_', " ");
        write!(f, "{code}: {}", self.message)
    }
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    errors: Vec<BodyError>,
    // Some registries and token servers say it in one of these instead.
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Deserialize)]
struct BodyError {
    #[serde(default)]
    code: serde_json::Value,
    #[serde(default)]
    message: Option<String>,
}

// `None` if the body is not a registry's at all.
fn parse_errors(status: StatusCode, content: &[u8]) -> Option<Vec<ErrorDetail>> {
    let body: Body = serde_json::from_slice(content).ok()?;
    let single = body
        .details
        .or(body.error_description)
        .or(body.message)
        .or(body.error);
    if body.errors.is_empty() {
        let message = single.filter(|message| !message.is_empty())?;
        let code = match status {
            StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
            StatusCode::TOO_MANY_REQUESTS => "TOOMANYREQUESTS",
            StatusCode::FORBIDDEN => "DENIED",
            _ => "UNKNOWN",
        };
        return Some(vec![ErrorDetail {
            code: code.to_owned(),
            message: shortened(&message),
        }]);
    }
    let errors = body.errors.into_iter().take(ERROR_LIMIT);
    Some(
        errors
            .map(|error| {
                let code = match error.code {
                    serde_json::Value::String(code) => shortened(&code),
                    serde_json::Value::Null => "UNKNOWN".to_owned(),
                    other => shortened(&other.to_string()),
                };
                match error.message.filter(|message| !message.is_empty()) {
                    Some(message) => ErrorDetail {
                        code,
                        message: shortened(&message),
                    },
                    None => ErrorDetail::known(&code),
                }
            })
            .collect(),
    )
}

// RFC 6750, section 3.1: a token server's registry says in the challenge what is wrong with a token.
fn challenge_error(status: StatusCode, headers: &HeaderMap) -> Option<ErrorDetail> {
    if !status.is_client_error() {
        return None;
    }
    let values = headers.get_all(http::header::WWW_AUTHENTICATE).into_iter();
    let mut challenges = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(parse_challenges)
        .filter(|challenge| challenge.scheme == "bearer");
    challenges.find_map(|challenge| {
        let mut error = match challenge.parameter("error")? {
            "invalid_token" => ErrorDetail::known("UNAUTHORIZED"),
            "insufficient_scope" => ErrorDetail::known("DENIED"),
            _ => return None,
        };
        if let Some(description) = challenge.parameter("error_description") {
            error.message = shortened(description);
        }
        Some(error)
    })
}

/// `404 Not Found`.
pub(crate) fn status_text(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Go's `net/http` writes `Get "URL"`.
pub(crate) fn method_word(method: &Method) -> String {
    let mut characters = method.as_str().chars();
    characters.next().map_or_else(String::new, |first| {
        let rest = characters.as_str().to_ascii_lowercase();
        format!("{first}{rest}")
    })
}

fn shortened(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).collect()
}

fn excerpt(content: &[u8]) -> String {
    let text = String::from_utf8_lossy(content);
    text.trim().chars().take(EXCERPT_LIMIT).collect()
}

fn is_html(text: &str) -> bool {
    let start: String = text.chars().take(32).collect::<String>().to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(status: u16, headers: &[(&'static str, &str)], body: &str) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let status = StatusCode::from_u16(status).unwrap();
        let url = "https://r.example/v2/a".to_owned();
        ErrorResponse::new(url, status, &map, body.as_bytes()).to_string()
    }

    #[test]
    fn errors_read_as_dockers() {
        for (status, body, expected) in [
            (
                404,
                r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}}]}"#,
                "manifest unknown: manifest unknown",
            ),
            (
                429,
                r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#,
                "toomanyrequests: slow down",
            ),
            (
                401,
                r#"{"details":"incorrect username or password"}"#,
                "unauthorized: incorrect username or password",
            ),
            (401, "", "unauthorized: authentication required"),
            (
                401,
                "<html>no</html>",
                "unauthorized: authentication required",
            ),
            (
                403,
                r#"{"errors":[{"code":"DENIED"}]}"#,
                "denied: requested access to the resource is denied",
            ),
            (
                400,
                r#"{"errors":[{"code":"A_B","message":"1"},{"code":"C","message":"2"}]}"#,
                "errors:\na b: 1\nc: 2\n",
            ),
            (
                502,
                "<!DOCTYPE html><html></html>",
                "received unexpected HTTP status: 502 Bad Gateway from https://r.example/v2/a, with a web page instead of a registry's answer",
            ),
            (
                500,
                "oops",
                "received unexpected HTTP status: 500 Internal Server Error from https://r.example/v2/a: \"oops\"",
            ),
            (
                404,
                "{}",
                "received unexpected HTTP status: 404 Not Found from https://r.example/v2/a: \"{}\"",
            ),
            (
                404,
                "",
                "received unexpected HTTP status: 404 Not Found from https://r.example/v2/a",
            ),
        ] {
            assert_eq!(shown(status, &[], body), expected, "{body}");
        }
    }

    #[test]
    fn a_challenge_may_say_what_is_wrong() {
        let challenge = r#"Bearer realm="x",error="insufficient_scope""#;
        let body = r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
        assert_eq!(
            shown(401, &[("www-authenticate", challenge)], body),
            "denied: requested access to the resource is denied"
        );
    }

    #[test]
    fn methods_read_as_gos() {
        assert_eq!(method_word(&Method::GET), "Get");
        assert_eq!(method_word(&Method::DELETE), "Delete");
    }
}
