//! A file of any web server, with the same proxies, certificates and redirects as registries: what `import URL` reads.

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode};
use url::Url;

use crate::client::RegistryClient;
use crate::endpoint::request_error;
use crate::error::{RequestError, status_text};
use crate::exchange::Outgoing;
use crate::http::body::ResponseBody;
use crate::http::proxy::without_password;

/// How much of a refusal is shown.
const REFUSAL_LIMIT_BYTES: usize = 300;

/// A download that has begun.
#[derive(Debug)]
pub struct Download {
    asked: String,
    url: String,
    length: Option<u64>,
    body: ResponseBody,
}

/// Why something could not be downloaded. The texts are Docker's.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is none.
    #[error("invalid URL {text:?}: {source}")]
    Address {
        /// As given.
        text: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// The address names no web server.
    #[error("invalid URL {text:?}: it begins with neither http:// nor https://")]
    Scheme {
        /// As given.
        text: String,
    },
    /// The server refuses.
    #[error("failed to GET {url} with status {}: {said}", status_text(*.status))]
    Status {
        /// What was asked for.
        url: String,
        /// Its answer.
        status: StatusCode,
        /// The beginning of what it says about it.
        said: String,
    },
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl RegistryClient {
    /// Begins to download what is at `url`. No credentials are sent.
    pub async fn download(&self, url: &str) -> Result<Download, DownloadError> {
        let parsed = Url::parse(url).map_err(|source| DownloadError::Address {
            text: url.to_owned(),
            source,
        })?;
        let host = parsed
            .host_str()
            .filter(|_| matches!(parsed.scheme(), "http" | "https"));
        let Some(host) = host.map(str::to_owned) else {
            return Err(DownloadError::Scheme {
                text: url.to_owned(),
            });
        };
        let asked = without_password(&parsed);
        let outgoing = Outgoing::new(Method::GET);
        let sent = self
            .shared
            .exchange
            .send(&host, parsed, &outgoing, None)
            .await;
        let answer = sent.map_err(|error| request_error(&outgoing, error))?;
        let url = without_password(&answer.url);
        let status = answer.response.status();
        let (parts, body) = answer.response.into_parts();
        if !status.is_success() {
            let said = body.collect_start(REFUSAL_LIMIT_BYTES).await;
            let said = String::from_utf8_lossy(&said).trim().to_owned();
            return Err(DownloadError::Status { url, status, said });
        }
        let length = parts
            .headers
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Download {
            asked,
            url,
            length,
            body,
        })
    }
}

impl Download {
    /// What was asked for, as it may be shown: without a password or a query.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// Bytes in all, if the server says.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next bytes; `None` at the end. A server that sends less than it promised is an error.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, DownloadError> {
        self.body.chunk().await.map_err(|source| {
            let (method, url) = (Method::GET, self.url.clone());
            RequestError::Interrupted {
                method,
                url,
                source: Box::new(source),
            }
            .into()
        })
    }
}
