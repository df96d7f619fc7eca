//! What the fuzz targets feed: the readers of foreign bytes that stand behind HTTP. No part of the crate's interface.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use http::Method;
use wharf_oci::{Algorithm, Digest, MediaType};

use super::credentials::basic;
use super::distribution::{RangeRequest, content_range as read_content_range};
use super::query::{Query, percent_encode};
use super::route::Route;
use super::routes::{self, find};
use crate::accounts::Credentials;
use crate::repositories::ManifestDocument;

static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(routes::table);

/// A request whose route was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// The operation.
    pub operation: &'static str,
    /// The parts of the path that have names, decoded.
    pub parts: Vec<(&'static str, String)>,
    /// The parameters of the query, decoded.
    pub parameters: Vec<(String, String)>,
}

/// A manifest that may be pushed, if what it needs is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadManifest {
    /// Its digest.
    pub digest: Digest,
    /// What is stored.
    pub content: Vec<u8>,
    /// By what it is found among referrers.
    pub artifact_type: Option<String>,
    /// The blobs it needs, with their sizes.
    pub needed: BTreeMap<Digest, u64>,
    /// Its own size and that of all it needs.
    pub total_size: u64,
}

/// Finds the route of a request.
pub fn route(method: &str, path: &str, query: &str) -> Option<Routed> {
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    let (_, route, parts) = find(&ROUTES, &method, path).ok()?;
    let parameters = Query::parse(query)?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Some(Routed {
        operation: route.operation,
        parts: parts.into_pairs(),
        parameters: parameters.iter().map(owned).collect(),
    })
}

/// Writes text so that it can stand in a path or a query.
pub fn encode(text: &str) -> String {
    percent_encode(text)
}

/// The bytes that a `Range` header asks of a blob, if it asks for a part of it.
pub fn range(header: &str, size: u64) -> Option<Range<u64>> {
    match RangeRequest::parse(Some(header), size) {
        RangeRequest::Part(part) => Some(part),
        RangeRequest::Whole | RangeRequest::Unsatisfiable => None,
    }
}

/// The first and the last byte that a `Content-Range` header announces, and how many they are.
pub fn content_range(header: &str) -> Option<(u64, u64, u64)> {
    read_content_range(header).map(|range| (range.first, range.last, range.length()))
}

/// Name and password of HTTP's basic scheme.
pub fn basic_credentials(value: &str) -> Option<(String, String)> {
    match basic(value)? {
        Credentials::Password { name, password } => Some((name, password)),
        Credentials::Token(_) | Credentials::Session(_) => None,
    }
}

/// Reads a pushed manifest.
pub fn manifest(bytes: &[u8], content_type: Option<&str>) -> Option<ReadManifest> {
    let content_type = content_type.map(MediaType::new);
    let read = ManifestDocument::read(bytes.to_vec(), content_type.as_ref(), Algorithm::Sha256);
    let ManifestDocument { record, needed, .. } = read.ok()?;
    Some(ReadManifest {
        digest: record.digest,
        content: record.content,
        artifact_type: record.artifact_type,
        needed,
        total_size: record.total_size,
    })
}
