//! Blobs: ask whether they exist, and stream them, taking the stream up again where it broke.
//!
//! What is streamed is *not* hashed here: whoever stores it must hash it anyway. Its length is checked.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;
use wharf_oci::{Descriptor, Digest, Hasher, Repository};

use crate::endpoint::{Endpoint, Target};
use crate::error::{DigestMismatch, ErrorResponse, RequestError};
use crate::exchange::{Answer, Outgoing};
use crate::http::body::ResponseBody;
use crate::http::error::TransportError;
use crate::http::proxy::without_password;
use crate::repository::{Access, RepositoryClient};

/// A stream that brought this much since it last broke has made progress: the attempts count anew.
const PROGRESS_BYTES: u64 = 64 * 1024;
/// How many of a descriptor's `urls` are tried.
const URL_LIMIT: usize = 8;

/// Why a blob could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The repository has no such blob.
    #[error("blob {digest} not found in {}: {response}", .repository.familiar())]
    NotFound {
        /// Where it was looked for.
        repository: Repository,
        /// The blob.
        digest: Digest,
        /// What the registry says.
        response: Box<ErrorResponse>,
    },
    /// The registry's blob has another length than the manifest says.
    #[error("blob {digest} should have {expected} bytes, but the registry serves {actual}")]
    WrongLength {
        /// The blob.
        digest: Digest,
        /// As in the descriptor.
        expected: u64,
        /// As served; at least this, where the registry did not announce it.
        actual: u64,
    },
    /// The bytes are not the ones of the digest. Only of [`RepositoryClient::read_blob`].
    #[error("blob verification failed for digest {0}")]
    WrongDigest(Box<DigestMismatch>),
    /// Too large to be read into memory. Only of [`RepositoryClient::read_blob`].
    #[error("blob {digest} of {size} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// As in the descriptor.
        size: u64,
        /// The most that is read.
        limit: u64,
    },
    /// The caller wants to go on behind the end.
    #[error("cannot read blob {digest} of {size} bytes from offset {offset}")]
    Offset {
        /// The blob.
        digest: Digest,
        /// As in the descriptor.
        size: u64,
        /// Asked for.
        offset: u64,
    },
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

/// The bytes of a blob, from an offset on.
pub struct BlobStream {
    client: RepositoryClient,
    digest: Digest,
    size: u64,
    // Where to get it, best first, the one to stay with, and which one is in use.
    sources: Vec<Source>,
    last_source: Source,
    source: usize,
    // The next byte to give out.
    offset: u64,
    connection: Option<Connection>,
    was_connected: bool,
    failures: u32,
    // Where the stream stood when it last broke.
    broke_at: u64,
}

type Source = (Arc<Endpoint>, Target);

struct Connection {
    body: ResponseBody,
    url: Url,
    // What the server sends although we have it.
    skip: u64,
}

impl RepositoryClient {
    /// The length of the blob `digest`, if the repository has it. Asks the registry, never a mirror,
    /// with the rights of a push. A registry that does not say the length counts as not having it.
    pub async fn blob_exists(&self, digest: &Digest) -> Result<Option<u64>, RequestError> {
        let target = self.path(&format!("blobs/{digest}"));
        let outgoing = Outgoing::new(Method::HEAD);
        let scopes = self.scopes(Access::Push);
        match self.send(&self.registry, &outgoing, &target, &scopes).await {
            Ok(answer) => Ok(number(answer.response.headers(), CONTENT_LENGTH)),
            Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Streams the blob of `descriptor` from `offset` on. Mirrors are asked first, and the descriptor's
    /// own `urls` last. The stream is the blob's `size - offset` bytes or an error, but their digest
    /// is the caller's to check.
    pub async fn open_blob(
        &self,
        descriptor: &Descriptor,
        offset: u64,
    ) -> Result<BlobStream, BlobError> {
        if offset > descriptor.size {
            return Err(BlobError::Offset {
                digest: descriptor.digest,
                size: descriptor.size,
                offset,
            });
        }
        let (sources, last_source) = self.sources(descriptor);
        let mut stream = BlobStream {
            client: self.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
            sources,
            last_source,
            source: 0,
            offset,
            connection: None,
            was_connected: false,
            failures: 0,
            broke_at: offset,
        };
        if offset < descriptor.size {
            stream.connect().await?;
        }
        Ok(stream)
    }

    /// A small blob, such as a config, whole and verified.
    pub async fn read_blob(
        &self,
        descriptor: &Descriptor,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, BlobError> {
        let (digest, size) = (descriptor.digest, descriptor.size);
        if size > limit_bytes {
            return Err(BlobError::TooLarge {
                digest,
                size,
                limit: limit_bytes,
            });
        }
        let mut content = Vec::new();
        let mut hasher = Hasher::new(digest.algorithm());
        let mut stream = self.open_blob(descriptor, 0).await?;
        while let Some(chunk) = stream.next_chunk().await? {
            hasher.update(&chunk);
            content.extend_from_slice(&chunk);
        }
        let actual = hasher.finish();
        if actual != digest {
            let expected = digest;
            let mismatch = DigestMismatch { expected, actual };
            return Err(BlobError::WrongDigest(Box::new(mismatch)));
        }
        Ok(content)
    }

    // Mirrors, the registry, the descriptor's own addresses; the last of them apart.
    fn sources(&self, descriptor: &Descriptor) -> (Vec<Source>, Source) {
        let target = self.path(&format!("blobs/{}", descriptor.digest));
        let mirrors = self.useful_mirrors().into_iter();
        let mut sources: Vec<Source> = mirrors.map(|mirror| (mirror, target.clone())).collect();
        let mut last = (Arc::clone(&self.registry), target);
        let urls = descriptor.urls.iter().flatten();
        let urls = urls.filter_map(|url| Url::parse(url).ok());
        let urls = urls.filter(|url| matches!(url.scheme(), "http" | "https"));
        for url in urls.take(URL_LIMIT) {
            let next = (Arc::clone(&self.registry), Target::Url(url));
            sources.push(std::mem::replace(&mut last, next));
        }
        (sources, last)
    }
}

impl BlobStream {
    /// Where the next chunk begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The chunks as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, BlobError>> + Send {
        futures_util::stream::try_unfold(self, |mut stream| async move {
            let chunk = stream.next_chunk().await?;
            Ok(chunk.map(|chunk| (chunk, stream)))
        })
    }

    /// The next bytes, never an empty chunk; `None` at the end. When the connection breaks it is made
    /// anew, and what was given out is not fetched again unless the server cannot do otherwise.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, BlobError> {
        loop {
            if self.offset == self.size {
                return self.finish().await;
            }
            let Some(connection) = &mut self.connection else {
                self.connect().await?;
                continue;
            };
            match connection.body.chunk().await {
                Ok(Some(chunk)) => {
                    if let Some(chunk) = self.accept(chunk)? {
                        return Ok(Some(chunk));
                    }
                }
                Ok(None) => self.broke(None).await?,
                Err(error) => self.broke(Some(error)).await?,
            }
        }
    }

    // Cuts off what was skipped for, and refuses what is behind the end.
    fn accept(&mut self, mut chunk: Bytes) -> Result<Option<Bytes>, BlobError> {
        if let Some(connection) = &mut self.connection
            && connection.skip > 0
        {
            let skipped = connection.skip.min(chunk.len() as u64);
            connection.skip -= skipped;
            chunk = chunk.split_off(usize::try_from(skipped).unwrap_or(chunk.len()));
        }
        if chunk.is_empty() {
            return Ok(None);
        }
        let end = self.offset + chunk.len() as u64;
        if end > self.size {
            return Err(self.wrong_length(end));
        }
        self.offset = end;
        if self.offset - self.broke_at >= PROGRESS_BYTES {
            self.failures = 0;
        }
        Ok(Some(chunk))
    }

    // A server that did not announce a length may have more to say.
    async fn finish(&mut self) -> Result<Option<Bytes>, BlobError> {
        if let Some(mut connection) = self.connection.take()
            && let Ok(Some(more)) = connection.body.chunk().await
        {
            return Err(self.wrong_length(self.size + more.len() as u64));
        }
        Ok(None)
    }

    fn wrong_length(&self, actual: u64) -> BlobError {
        BlobError::WrongLength {
            digest: self.digest,
            expected: self.size,
            actual,
        }
    }

    // The connection is gone before the end. `None`: the server closed it in good order.
    async fn broke(&mut self, error: Option<TransportError>) -> Result<(), BlobError> {
        let Some(connection) = self.connection.take() else {
            return Ok(());
        };
        let url = without_password(&connection.url);
        let progress = self.offset - self.broke_at;
        self.broke_at = self.offset;
        let error = match error {
            Some(source) => RequestError::Interrupted {
                method: Method::GET,
                url,
                source: Box::new(source),
            },
            None => RequestError::Protocol {
                method: Method::GET,
                url,
                reason: format!(
                    "the registry ended the blob at byte {} of {}",
                    self.offset, self.size
                ),
            },
        };
        tracing::debug!(digest = %self.digest, offset = self.offset, %error, "blob stream broke");
        let (endpoint, _) = self.source().clone();
        if endpoint.is_mirror && progress < PROGRESS_BYTES {
            self.client.mirror_failed(&endpoint, &error);
            self.source += 1;
            return Ok(());
        }
        self.failures += 1;
        // After progress there is no reason to wait: many servers end long answers.
        if progress >= PROGRESS_BYTES || self.client.wait(self.failures, None, &error).await {
            return Ok(());
        }
        Err(error.into())
    }

    // The source in use. A mirror is never the last one, so there always is another behind it.
    fn source(&self) -> &Source {
        self.sources.get(self.source).unwrap_or(&self.last_source)
    }

    // Makes a connection that gives the byte at `offset` next.
    async fn connect(&mut self) -> Result<(), BlobError> {
        loop {
            let (endpoint, target) = self.source().clone();
            if endpoint.is_given_up() {
                self.source += 1;
                continue;
            }
            let error = match self.request(&endpoint, &target, self.offset > 0).await {
                Ok(connection) => {
                    self.connection = Some(connection);
                    self.was_connected = true;
                    return Ok(());
                }
                Err(error) => error,
            };
            let is_last = self.source >= self.sources.len();
            if endpoint.is_mirror {
                self.client.mirror_failed(&endpoint, &error);
                self.source += 1;
            } else if matches!(error, BlobError::NotFound { .. }) && !is_last {
                self.source += 1;
            } else {
                self.failed(error).await?;
            }
        }
    }

    async fn failed(&mut self, error: BlobError) -> Result<(), BlobError> {
        let BlobError::Request(reason) = &error else {
            return Err(error);
        };
        // A registry that was there a moment ago is being restarted.
        let restarts = self.was_connected && is_refused_connection(reason);
        let may_pass = reason.may_pass() || restarts;
        self.failures += 1;
        let retry_after = reason.retry_after();
        if may_pass && self.client.wait(self.failures, retry_after, reason).await {
            Ok(())
        } else {
            Err(error)
        }
    }

    async fn request(
        &self,
        endpoint: &Endpoint,
        target: &Target,
        by_range: bool,
    ) -> Result<Connection, BlobError> {
        let mut outgoing = Outgoing::new(Method::GET);
        if by_range {
            outgoing = outgoing.header(RANGE, &format!("bytes={}-", self.offset));
        }
        let scopes = self.client.scopes(Access::Pull);
        let sent = self.client.send_once(endpoint, &outgoing, target, &scopes);
        match sent.await {
            Ok(answer) => self.accept_answer(answer, by_range),
            // It may not know ranges, or what it has is too short, which the whole answer will show.
            Err(error) if error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE) && by_range => {
                Box::pin(self.request(endpoint, target, false)).await
            }
            Err(RequestError::Refused(response)) if response.status == StatusCode::NOT_FOUND => {
                Err(BlobError::NotFound {
                    repository: self.client.name.clone(),
                    digest: self.digest,
                    response,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn accept_answer(&self, answer: Answer, by_range: bool) -> Result<Connection, BlobError> {
        let Answer { url, response } = answer;
        let protocol = |reason: String| {
            BlobError::Request(RequestError::Protocol {
                method: Method::GET,
                url: without_password(&url),
                reason,
            })
        };
        let headers = response.headers();
        if let Some(encoding) = headers.get(CONTENT_ENCODING)
            && encoding != "identity"
        {
            return Err(protocol(format!(
                "unexpected Content-Encoding {encoding:?}"
            )));
        }
        let length = number(headers, CONTENT_LENGTH);
        let start = match response.status() {
            StatusCode::PARTIAL_CONTENT if by_range => {
                let range = content_range(headers);
                let range =
                    range.ok_or_else(|| protocol("206 without Content-Range".to_owned()))?;
                if range.total.is_some_and(|total| total != self.size) || range.last >= self.size {
                    return Err(self.wrong_length(range.total.unwrap_or(range.last + 1)));
                }
                if range.first > self.offset || range.last < self.offset {
                    let text = format!("asked for byte {}, got {range}", self.offset);
                    return Err(protocol(text));
                }
                if length.is_some_and(|length| length != range.last - range.first + 1) {
                    return Err(protocol(
                        "Content-Length and Content-Range disagree".to_owned(),
                    ));
                }
                range.first
            }
            StatusCode::OK => match length {
                Some(length) if length != self.size => return Err(self.wrong_length(length)),
                _ => 0,
            },
            status => return Err(protocol(format!("unexpected status {status}"))),
        };
        Ok(Connection {
            body: response.into_body(),
            skip: self.offset - start,
            url,
        })
    }
}

impl fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobStream")
            .field("digest", &self.digest)
            .field("size", &self.size)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// `bytes 0-9/100`: what an answer with status 206 holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ContentRange {
    first: u64,
    last: u64,
    // `None` for `*`.
    total: Option<u64>,
}

impl fmt::Display for ContentRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bytes {} to {}", self.first, self.last)
    }
}

fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    parse_content_range(headers.get(CONTENT_RANGE)?.to_str().ok()?)
}

fn parse_content_range(text: &str) -> Option<ContentRange> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let valid = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
    valid.then_some(ContentRange { first, last, total })
}

fn number(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn is_refused_connection(error: &RequestError) -> bool {
    matches!(
        error,
        RequestError::Unreachable { source, .. } if matches!(**source, TransportError::Dial { .. })
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges() {
        let range = |first, last, total| Some(ContentRange { first, last, total });
        for (text, expected) in [
            ("bytes 0-9/10", range(0, 9, Some(10))),
            ("bytes 5-9/*", range(5, 9, None)),
            (" bytes=5-9/10", None),
            ("bytes 9-5/10", None),
            ("bytes 0-10/10", None),
            ("bytes */10", None),
            ("items 0-9/10", None),
            ("bytes 0-18446744073709551615/*", None),
            ("bytes -1-5/10", None),
            ("", None),
        ] {
            assert_eq!(parse_content_range(text), expected, "{text}");
        }
    }
}
