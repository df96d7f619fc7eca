//! A file of any web server, with the same proxies, certificates and redirects as registries: what `import URL` reads.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, DATE, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use url::Url;

use crate::client::RegistryClient;
use crate::endpoint::request_error;
use crate::error::{RequestError, status_text};
use crate::exchange::{Answer, Outgoing};
use crate::http::body::ResponseBody;
use crate::http::proxy::without_password;

/// How much of a refusal is shown.
const REFUSAL_LIMIT_BYTES: usize = 300;
/// A validator that is longer is not kept.
const VALIDATOR_LIMIT_BYTES: usize = 4 << 10;

/// A download that has begun.
#[derive(Debug)]
pub struct Download {
    asked: String,
    url: String,
    length: Option<u64>,
    validators: Option<Validators>,
    body: ResponseBody,
}

/// By what a server tells whether a file is still the one that somebody has (RFC 9110, 8.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Validators {
    /// `ETag`, as it came.
    EntityTag(String),
    /// `Last-Modified`, as it came.
    LastModified(String),
}

/// A file that somebody has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// As [`Download::place`] said.
    pub place: String,
    /// As [`Download::validators`] said.
    pub validators: Validators,
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
        let asked = self.ask_for_file(url, HeaderMap::new()).await?;
        begun(asked).await
    }

    /// Begins to download what is at `url`, unless the server says that it is the file that is `known`: then there is nothing.
    pub async fn download_unless(
        &self,
        url: &str,
        known: &KnownFile,
    ) -> Result<Option<Download>, DownloadError> {
        let Some((name, value)) = known.validators.condition() else {
            return self.download(url).await.map(Some);
        };
        let headers = HeaderMap::from_iter([(name, value)]);
        let asked = self.ask_for_file(url, headers).await?;
        if asked.answer.response.status() != StatusCode::NOT_MODIFIED {
            return begun(asked).await.map(Some);
        }
        // A redirect led elsewhere: what another place has may be called the same.
        if without_password(&asked.answer.url) != known.place {
            return self.download(url).await.map(Some);
        }
        Ok(None)
    }

    async fn ask_for_file(&self, url: &str, headers: HeaderMap) -> Result<Asked, DownloadError> {
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
        let outgoing = Outgoing {
            headers,
            ..Outgoing::new(Method::GET)
        };
        let sent = self
            .shared
            .exchange
            .send(&host, parsed, &outgoing, None)
            .await;
        let answer = sent.map_err(|error| request_error(&outgoing, error))?;
        Ok(Asked { asked, answer })
    }
}

/// A question, as it may be shown, and its answer.
struct Asked {
    asked: String,
    answer: Answer,
}

async fn begun(Asked { asked, answer }: Asked) -> Result<Download, DownloadError> {
    let url = without_password(&answer.url);
    let status = answer.response.status();
    let (parts, body) = answer.response.into_parts();
    if !status.is_success() {
        let said = body.collect_start(REFUSAL_LIMIT_BYTES).await;
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        return Err(DownloadError::Status { url, status, said });
    }
    Ok(Download {
        asked,
        url,
        length: text(&parts.headers, &CONTENT_LENGTH).and_then(|value| value.parse().ok()),
        validators: Validators::of(&parts.headers).filter(|_| status == StatusCode::OK),
        body,
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

impl Validators {
    /// Those of an answer that may be kept.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let control = text(headers, &CACHE_CONTROL).unwrap_or_default();
        let no_store = |word: &str| word.trim().eq_ignore_ascii_case("no-store");
        if control.split(',').any(no_store) {
            return None;
        }
        let short = |value: &&str| (1..=VALIDATOR_LIMIT_BYTES).contains(&value.len());
        if let Some(tag) = text(headers, &ETAG).filter(short) {
            return Some(Self::EntityTag(tag.to_owned()));
        }
        let modified = text(headers, &LAST_MODIFIED).filter(short)?;
        // Within the same second the file may have been changed once more (RFC 9110, 8.8.2.2).
        let age = moment(text(headers, &DATE)?)?.duration_since(moment(modified)?);
        (age.as_secs() >= 1).then(|| Self::LastModified(modified.to_owned()))
    }

    fn condition(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match self {
            Self::EntityTag(tag) => (IF_NONE_MATCH, tag),
            Self::LastModified(date) => (IF_MODIFIED_SINCE, date),
        };
        Some((name, HeaderValue::from_str(value).ok()?))
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text).ok()
}

impl Download {
    /// What was asked for, as it may be shown: without a password or a query.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// Where the file is, after redirects, without a password or a query.
    pub fn place(&self) -> &str {
        &self.url
    }

    /// By what the server will tell whether the file has changed; nothing if it says none, or wants it not to be kept.
    pub fn validators(&self) -> Option<&Validators> {
        self.validators.as_ref()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_a_file_from_another() {
        let tag = |text: &str| Some(Validators::EntityTag(text.to_owned()));
        let date = |text: &str| Some(Validators::LastModified(text.to_owned()));
        let noon = "Sun, 06 Nov 1994 12:00:00 GMT";
        let later = "Sun, 06 Nov 1994 12:00:01 GMT";
        for (headers, expected) in [
            (vec![], None),
            (vec![("etag", "\"1\"")], tag("\"1\"")),
            (
                vec![("etag", "W/\"1\""), ("last-modified", noon)],
                tag("W/\"1\""),
            ),
            (vec![("etag", "")], None),
            (
                vec![("etag", "1"), ("cache-control", "private, No-Store")],
                None,
            ),
            (vec![("etag", "1"), ("cache-control", "no-cache")], tag("1")),
            (vec![("last-modified", noon)], None),
            (vec![("last-modified", noon), ("date", noon)], None),
            (vec![("last-modified", noon), ("date", later)], date(noon)),
            (vec![("last-modified", "yesterday"), ("date", later)], None),
        ] {
            let pairs = headers.iter().map(|(name, value)| {
                let name: HeaderName = name.parse().unwrap();
                (name, value.parse::<HeaderValue>().unwrap())
            });
            let found = Validators::of(&pairs.collect());
            assert_eq!(found, expected, "{headers:?}");
        }
    }
}
