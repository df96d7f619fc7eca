//! Pages of lists: `n`, `last` and the `Link` to the next one.

use http::HeaderName;
use http::header::LINK;

use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::http::query::percent_encode;

/// Longest page, and the page of who does not say how many.
const PAGE_LIMIT: u64 = 10_000;
/// `OCI-Filters-Applied`.
pub(super) const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// Which page is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PageRequest {
    /// How many entries.
    pub(super) limit: u64,
    /// The last entry of the page before.
    pub(super) last: String,
}

impl PageRequest {
    /// Reads `n` and `last`.
    pub(super) fn of(call: &Call) -> Result<Self, HttpError> {
        let limit = match call.query.get("n") {
            None => PAGE_LIMIT,
            Some(text) => text.parse::<u64>().map_err(|error| {
                HttpError::bad_request(format!("n={text:?} is not a number of entries: {error}"))
            })?,
        };
        Ok(Self {
            limit: limit.min(PAGE_LIMIT),
            last: call.query.get("last").unwrap_or_default().to_owned(),
        })
    }

    /// Adds the `Link` to the page that begins after `last`; `further` are more parameters of the query.
    pub(super) fn link(&self, answer: Answer, call: &Call, last: &str, further: &str) -> Answer {
        let (path, last) = (&call.path, percent_encode(last));
        let link = format!(
            "<{path}?last={last}&n={}{further}>; rel=\"next\"",
            self.limit
        );
        answer.header(LINK, link)
    }
}
