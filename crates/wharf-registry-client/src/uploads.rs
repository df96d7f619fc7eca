//! Uploads of blobs: mount what the registry has elsewhere; send the rest whole, streamed or in
//! chunks, and go on where the registry says it stands when something broke.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use url::Url;
use wharf_oci::{Descriptor, Digest, Repository};

use crate::auth::authenticator::repository_scope;
use crate::endpoint::Target;
use crate::error::{AuthError, DigestMismatch, RequestError};
use crate::exchange::{Answer, BlobSource, Outgoing, Payload, host_and_port};
use crate::http::proxy::without_password;
use crate::manifests::DOCKER_CONTENT_DIGEST;
use crate::percent;
use crate::repository::{Access, RepositoryClient};

/// The least that a registry takes in one chunk, but for the last one.
const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");
/// Chunks for a registry, or a proxy before it, that does not take the whole at once.
const FALLBACK_CHUNK_BYTES: u64 = 10 * 1024 * 1024;
/// Larger minimum chunks are not believed.
const CHUNK_LIMIT_BYTES: u64 = 1024 * 1024 * 1024;

/// How a blob is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UploadMode {
    /// In one PUT: one request less than the others. Falls back to chunks where a server answers that
    /// this is too large.
    #[default]
    Whole,
    /// In one PATCH and a closing PUT, as Docker does.
    Streamed,
    /// In several requests of this many bytes, or more if the registry wants more.
    Chunked {
        /// Bytes in each but the last.
        chunk_bytes: u64,
    },
}

/// Why a blob could not be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// We could not show who we are. As Docker does, the text is the reason alone.
    #[error(transparent)]
    Authentication(Box<AuthError>),
    /// The registry does not say where to send the blob.
    #[error("{url}: the registry did not say where to upload to (Location: {location:?})")]
    Location {
        /// What was asked for.
        url: String,
        /// As sent.
        location: Option<String>,
    },
    /// The registry stored something else.
    #[error("blob verification failed for digest {0}")]
    WrongDigest(Box<DigestMismatch>),
    /// The registry has more of the blob than there is.
    #[error("the registry says that it has {actual} bytes of an upload of {size}")]
    WrongOffset {
        /// Of the blob.
        size: u64,
        /// What the registry says.
        actual: u64,
    },
    /// Anything that can go wrong with any request.
    #[error(transparent)]
    Request(RequestError),
}

/// What came of asking a registry to mount a blob.
#[derive(Debug)]
pub enum MountOutcome {
    /// The repository has the blob now.
    Mounted,
    /// It has not: send it.
    Upload(Box<UploadSession>),
}

/// An upload that the registry waits for.
pub struct UploadSession {
    client: RepositoryClient,
    scopes: Vec<String>,
    location: Url,
    chunk_min_bytes: u64,
}

impl From<RequestError> for UploadError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Authentication { source, .. }
                if matches!(*source, AuthError::NoBasicCredentials | AuthError::NoToken) =>
            {
                Self::Authentication(source)
            }
            error => Self::Request(error),
        }
    }
}

impl UploadError {
    fn may_pass(&self) -> bool {
        matches!(self, Self::Request(error) if error.may_pass())
    }

    fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Request(error) => error.status(),
            _ => None,
        }
    }
}

impl RepositoryClient {
    /// Begins an upload.
    pub async fn start_upload(&self) -> Result<UploadSession, UploadError> {
        let scopes = self.scopes(Access::Push);
        let answer = self.post_upload("", &scopes).await?;
        UploadSession::begin(self, scopes, answer).await
    }

    /// Asks the registry to take the blob from `from`, another repository of it. Where that does not
    /// work out, for whatever reason, an upload is begun.
    pub async fn mount_blob(
        &self,
        digest: &Digest,
        from: &Repository,
    ) -> Result<MountOutcome, UploadError> {
        let mut scopes = self.scopes(Access::Push);
        scopes.push(repository_scope(from.path(), "pull"));
        scopes.sort();
        let digest = digest.to_string();
        let query = percent::form(&[("mount", digest.as_str()), ("from", from.path())]);
        let answer = match self.post_upload(&format!("?{query}"), &scopes).await {
            Ok(answer) => answer,
            // We may not read `from`, or the registry does not mount; neither forbids an upload.
            Err(error) if error.response().is_some() && !error.may_pass() => {
                return Ok(MountOutcome::Upload(Box::new(self.start_upload().await?)));
            }
            Err(error) => return Err(error.into()),
        };
        if answer.response.status() == StatusCode::CREATED {
            answer.response.into_body().discard().await;
            return Ok(MountOutcome::Mounted);
        }
        let session = UploadSession::begin(self, scopes, answer).await?;
        Ok(MountOutcome::Upload(Box::new(session)))
    }

    /// Uploads a blob that the repository does not have: [`RepositoryClient::start_upload`] and
    /// [`UploadSession::send`] in one.
    pub async fn upload_blob(
        &self,
        descriptor: &Descriptor,
        source: Arc<dyn BlobSource>,
    ) -> Result<(), UploadError> {
        let session = self.start_upload().await?;
        session.send(descriptor, source, UploadMode::Whole).await
    }

    async fn post_upload(&self, query: &str, scopes: &[String]) -> Result<Answer, RequestError> {
        let target = self.path(&format!("blobs/uploads/{query}"));
        let outgoing = Outgoing::new(Method::POST);
        self.send(&self.registry, &outgoing, &target, scopes).await
    }
}

impl UploadSession {
    async fn begin(
        client: &RepositoryClient,
        scopes: Vec<String>,
        answer: Answer,
    ) -> Result<Self, UploadError> {
        let headers = answer.response.headers();
        let chunk_min = headers.get(OCI_CHUNK_MIN_LENGTH);
        let chunk_min = chunk_min.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let location = location(&answer.url, headers)?;
        answer.response.into_body().discard().await;
        Ok(Self {
            client: client.clone(),
            scopes,
            location,
            chunk_min_bytes: chunk_min.unwrap_or(0).min(CHUNK_LIMIT_BYTES),
        })
    }

    /// Sends the blob and has the registry verify it. `source` is read from its start, and again from
    /// where the registry stands whenever the connection broke.
    pub async fn send(
        mut self,
        descriptor: &Descriptor,
        source: Arc<dyn BlobSource>,
        mode: UploadMode,
    ) -> Result<(), UploadError> {
        let mut mode = mode;
        let mut offset = 0;
        let mut failures = 0;
        loop {
            let sent = self.send_from(descriptor, &source, &mut offset, mode).await;
            let Err(error) = sent else { return Ok(()) };
            if mode == UploadMode::Whole && is_too_large_at_once(&error) {
                mode = UploadMode::Chunked {
                    chunk_bytes: FALLBACK_CHUNK_BYTES,
                };
                self = self.client.start_upload().await?;
                offset = 0;
                continue;
            }
            failures += 1;
            let forgotten = Self::is_forgotten(&error);
            if !error.may_pass() && !forgotten {
                return Err(error);
            }
            let retry_after = match &error {
                UploadError::Request(error) => error.retry_after(),
                _ => None,
            };
            if !self.client.wait(failures, retry_after, &error).await {
                return Err(error);
            }
            let stood_at = offset;
            match self.take_up(descriptor, forgotten).await? {
                Some(stands_at) => offset = stands_at,
                None => return Ok(()),
            }
            if offset > stood_at {
                failures = 0;
            }
        }
    }

    /// Gives the upload up, so that the registry need not keep what it has of it.
    pub async fn cancel(self) -> Result<(), UploadError> {
        let outgoing = Outgoing::new(Method::DELETE);
        let answer = self.request(&outgoing, self.location.clone()).await?;
        answer.response.into_body().discard().await;
        Ok(())
    }

    async fn send_from(
        &mut self,
        descriptor: &Descriptor,
        source: &Arc<dyn BlobSource>,
        offset: &mut u64,
        mode: UploadMode,
    ) -> Result<(), UploadError> {
        let size = descriptor.size;
        if mode == UploadMode::Whole && *offset == 0 {
            let payload = Payload::Source {
                source: Arc::clone(source),
                offset: 0,
                length: size,
            };
            return self.finish(&descriptor.digest, payload).await;
        }
        while *offset < size {
            let (length, in_pieces) = match mode {
                UploadMode::Chunked { chunk_bytes } => {
                    let chunk_bytes = chunk_bytes.max(self.chunk_min_bytes).max(1);
                    (chunk_bytes.min(size - *offset), true)
                }
                _ => (size - *offset, *offset > 0),
            };
            let payload = Payload::Source {
                source: Arc::clone(source),
                offset: *offset,
                length,
            };
            let mut outgoing = Outgoing::new(Method::PATCH)
                .header(CONTENT_TYPE, "application/octet-stream")
                .payload(payload);
            if in_pieces {
                let last = *offset + length - 1;
                outgoing = outgoing.header(CONTENT_RANGE, &format!("{offset}-{last}"));
            }
            let answer = self.request(&outgoing, self.location.clone()).await?;
            let headers = answer.response.headers();
            self.location = location(&answer.url, headers)?;
            *offset = range_end(headers).unwrap_or(*offset + length);
            answer.response.into_body().discard().await;
            if *offset > size {
                let actual = *offset;
                return Err(UploadError::WrongOffset { size, actual });
            }
        }
        let nothing = Payload::Bytes(Bytes::new());
        self.finish(&descriptor.digest, nothing).await
    }

    async fn finish(&self, digest: &Digest, payload: Payload) -> Result<(), UploadError> {
        let mut url = self.location.clone();
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        let outgoing = Outgoing::new(Method::PUT)
            .header(CONTENT_TYPE, "application/octet-stream")
            .payload(payload);
        let answer = self.request(&outgoing, url).await?;
        let said = answer.response.headers().get(DOCKER_CONTENT_DIGEST);
        let said = said.and_then(|value| value.to_str().ok()?.parse::<Digest>().ok());
        if let Some(actual) = said
            && actual.algorithm() == digest.algorithm()
            && actual != *digest
        {
            let expected = *digest;
            let mismatch = DigestMismatch { expected, actual };
            return Err(UploadError::WrongDigest(Box::new(mismatch)));
        }
        answer.response.into_body().discard().await;
        Ok(())
    }

    // Asks where the registry stands after a failure. `None`: the blob is there, only the answer that
    // said so was lost.
    async fn take_up(
        &mut self,
        descriptor: &Descriptor,
        forgotten: bool,
    ) -> Result<Option<u64>, UploadError> {
        if !forgotten {
            let outgoing = Outgoing::new(Method::GET);
            let target = Target::Url(self.location.clone());
            let registry = &self.client.registry;
            let asked = self.client.send(registry, &outgoing, &target, &self.scopes);
            if let Ok(answer) = asked.await {
                let headers = answer.response.headers();
                let stands_at = range_end(headers).unwrap_or(0);
                if let Ok(location) = location(&answer.url, headers) {
                    self.location = location;
                }
                answer.response.into_body().discard().await;
                if stands_at <= descriptor.size {
                    return Ok(Some(stands_at));
                }
            }
        }
        let existing = self.client.blob_exists(&descriptor.digest).await?;
        if existing == Some(descriptor.size) {
            return Ok(None);
        }
        *self = self.client.start_upload().await?;
        Ok(Some(0))
    }

    // The registry does not know this upload any more, or stands elsewhere than we do.
    fn is_forgotten(error: &UploadError) -> bool {
        matches!(
            error.status(),
            Some(StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE)
        )
    }

    async fn request(&self, outgoing: &Outgoing, url: Url) -> Result<Answer, UploadError> {
        let registry = &self.client.registry;
        let target = Target::Url(url);
        let sent = self
            .client
            .send_once(registry, outgoing, &target, &self.scopes);
        Ok(sent.await?)
    }
}

impl fmt::Debug for UploadSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UploadSession")
            .field("location", &without_password(&self.location))
            .finish_non_exhaustive()
    }
}

fn is_too_large_at_once(error: &UploadError) -> bool {
    error.status() == Some(StatusCode::PAYLOAD_TOO_LARGE)
}

// Where the next request of an upload goes. A registry behind a proxy that ends TLS often gives its own
// host without TLS; we stay with TLS then.
fn location(asked: &Url, headers: &HeaderMap) -> Result<Url, UploadError> {
    let text = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let unusable = || UploadError::Location {
        url: without_password(asked),
        location: text.map(str::to_owned),
    };
    let mut url = text
        .and_then(|text| asked.join(text).ok())
        .ok_or_else(unusable)?;
    let downgrade = asked.scheme() == "https" && url.scheme() == "http";
    if downgrade && url.host() == asked.host() {
        let port = url.port().filter(|port| *port != 80).or(asked.port());
        let changed = url.set_scheme("https").and_then(|()| url.set_port(port));
        changed.map_err(|()| unusable())?;
    }
    let stays_safe = asked.scheme() == "http" || url.scheme() == "https";
    if stays_safe && matches!(url.scheme(), "http" | "https") && !host_and_port(&url).is_empty() {
        Ok(url)
    } else {
        Err(unusable())
    }
}

// `Range: 0-99` says that 100 bytes are there. `0-0` is what registries say of one byte and, more often,
// of none; nothing is lost by taking it for none.
fn range_end(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(RANGE)?.to_str().ok()?;
    let range = range.trim().trim_start_matches("bytes=");
    let (first, last) = range.split_once('-')?;
    let last: u64 = last.trim().parse().ok()?;
    if first.trim() != "0" {
        return None;
    }
    Some(if last == 0 { 0 } else { last.saturating_add(1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_stay_safe() {
        for (asked, given, expected) in [
            (
                "https://r.example/v2/a/",
                "/v2/a/u?s=1",
                Some("https://r.example/v2/a/u?s=1"),
            ),
            (
                "https://r.example/v2/",
                "http://r.example/u",
                Some("https://r.example/u"),
            ),
            (
                "https://r.example:5000/v2/",
                "http://r.example/u",
                Some("https://r.example:5000/u"),
            ),
            (
                "https://r.example:5000/",
                "http://r.example:5000/u",
                Some("https://r.example:5000/u"),
            ),
            ("https://r.example/v2/", "http://other.example/u", None),
            (
                "https://r.example/v2/",
                "https://s3.example/u?sig=1",
                Some("https://s3.example/u?sig=1"),
            ),
            (
                "http://r.example/v2/",
                "http://s3.example/u",
                Some("http://s3.example/u"),
            ),
            ("https://r.example/v2/", "ftp://r.example/u", None),
            ("https://r.example/v2/", "http://", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, given.parse().unwrap());
            let found = location(&asked.parse().unwrap(), &headers).ok();
            assert_eq!(found.as_ref().map(Url::as_str), expected, "{asked} {given}");
        }
        assert!(location(&"https://r.example/".parse().unwrap(), &HeaderMap::new()).is_err());
    }

    #[test]
    fn ranges_say_how_much_is_there() {
        for (range, expected) in [
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("0-0", Some(0)),
            ("0-", None),
            ("5-9", None),
            ("0--1", None),
            ("0-18446744073709551615", Some(u64::MAX)),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, range.parse().unwrap());
            assert_eq!(range_end(&headers), expected, "{range}");
        }
    }
}
