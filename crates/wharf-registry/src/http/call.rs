//! One request, as handlers see it.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{HOST, HeaderName};
use http::{HeaderMap, Method};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, watch};

use super::body::{Patience, RequestBody, upload_body, whole_body};
use super::error::HttpError;
use super::figures::ServerFigures;
use super::path::PathParts;
use super::query::Query;
use super::server::ServerSettings;
use crate::access::{Object, Permission, Principal, Requester};
use crate::audit::Actor;
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::{RepositoryName, UploadBody};

/// Largest JSON document that a management request may bring, in bytes.
const DOCUMENT_LIMIT_BYTES: usize = 1 << 20;

/// A request whose route was found.
pub(crate) struct Call {
    /// The registry.
    pub(crate) registry: Registry,
    /// What the server was told at start.
    pub(crate) server: Arc<ServerSettings>,
    /// The method.
    pub(crate) method: Method,
    /// The path as it was sent.
    pub(crate) path: String,
    /// The named parts of the path.
    pub(crate) parts: PathParts,
    /// The query.
    pub(crate) query: Query,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The client's address.
    pub(crate) client: IpAddr,
    /// Whether the client's connection is encrypted.
    pub(crate) secure: bool,
    /// Who asks.
    pub(crate) requester: Requester,
    pub(super) body: Mutex<Option<RequestBody>>,
    /// What the server counts.
    pub(crate) figures: Arc<ServerFigures>,
    /// Turns true when the request has to come to its end.
    pub(super) ending: Arc<watch::Sender<bool>>,
}

impl Call {
    /// A header as text; `None` if it is absent or no text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Who asks, whatever a token narrows.
    pub(crate) fn principal(&self) -> &Principal {
        &self.requester.principal
    }

    /// Under what name changes are noted.
    pub(crate) fn actor(&self) -> &str {
        match self.principal() {
            Principal::Anonymous => "anonymous",
            known => known.name(),
        }
    }

    /// Who changes something by this request, and when.
    pub(crate) fn change(&self) -> Actor {
        Actor::new(self.principal(), self.registry.now())
    }

    /// Whether the caller may pull from a repository other than that of the path: what a mount takes a blob from. His own
    /// rights count. A client that names no source cannot know for what to ask a token.
    pub(crate) async fn may_pull(&self, name: &RepositoryName) -> Result<bool, HttpError> {
        self.may_in(name, Permission::PULL).await
    }

    /// Whether the caller himself, whatever a token narrows, may do this in a repository.
    pub(crate) async fn may_in(
        &self,
        name: &RepositoryName,
        permission: Permission,
    ) -> Result<bool, HttpError> {
        let principal = self.principal();
        let standing = self.registry.standing(principal, name.project()).await?;
        Ok(standing.is_some_and(|standing| {
            principal.may(&Object::Repository(standing.facts, name), permission)
        }))
    }

    /// The address under which clients reach this registry: `https://registry.example.com`.
    pub(crate) fn base_url(&self) -> String {
        if let Some(url) = &self.server.external_url {
            return url.trim_end_matches('/').to_owned();
        }
        let scheme = if self.secure { "https" } else { "http" };
        let host = self.header(&HOST).unwrap_or("localhost");
        format!("{scheme}://{host}")
    }

    /// The body in pieces. It can be taken once; then there is none.
    pub(crate) async fn take_body(&self) -> UploadBody {
        match self.body.lock().await.take() {
            Some(body) => upload_body(body, self.patience()),
            None => Box::pin(futures_util::stream::empty()),
        }
    }

    /// The whole body, if it is not longer than `limit`; otherwise `too_large`.
    pub(crate) async fn whole_body(
        &self,
        limit: usize,
        too_large: impl FnOnce() -> HttpError,
    ) -> Result<Vec<u8>, HttpError> {
        let Some(body) = self.body.lock().await.take() else {
            return Ok(Vec::new());
        };
        whole_body(body, limit, self.patience(), too_large).await
    }

    fn patience(&self) -> Patience {
        Patience {
            silence: self.registry.settings().body_timeout,
            ending: self.ending.subscribe(),
        }
    }

    /// The body as a JSON document.
    pub(crate) async fn document<T: DeserializeOwned>(&self) -> Result<T, HttpError> {
        let too_large = || {
            HttpError::new(
                http::StatusCode::PAYLOAD_TOO_LARGE,
                "BAD_REQUEST",
                format!("the request's body is larger than {DOCUMENT_LIMIT_BYTES} bytes"),
            )
        };
        let bytes = self.whole_body(DOCUMENT_LIMIT_BYTES, too_large).await?;
        if has_nul(&bytes) {
            let reason =
                "the request's body has a NUL character (`\\u0000`) in a text; leave it out";
            return Err(RegistryError::BadRequest {
                reason: reason.to_owned(),
            }
            .into());
        }
        serde_json::from_slice(&bytes).map_err(|error| {
            RegistryError::BadRequest {
                reason: format!("the request's body is not what this operation takes: {error}"),
            }
            .into()
        })
    }
}

/// Whether a JSON document has a NUL in a text or key: PostgreSQL takes none in its texts. As a byte it is no JSON at all.
fn has_nul(document: &[u8]) -> bool {
    let mut rest = document;
    // Outside of texts there is no backslash in JSON.
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (_, escape) = rest.split_at(at + 1);
        if escape.starts_with(b"u0000") {
            return true;
        }
        rest = escape.get(1..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_however_it_is_escaped() {
        let table = [
            (r#"{"a":"b\u0000"}"#, true),
            (r#"{"\n\u0000":1}"#, true),
            (r#"{"a":"\\\u0000"}"#, true),
            (r#"{"a":"\\u0000"}"#, false),
            (r#"{"a":"\u0001 u0000"}"#, false),
            (r#""\"#, false),
            ("", false),
        ];
        for (document, expected) in table {
            assert_eq!(has_nul(document.as_bytes()), expected, "{document}");
        }
    }
}
