//! Blobs (end-2, end-10).

use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH,
    IF_RANGE, LOCATION, RANGE,
};
use http::{Method, StatusCode};
use wharf_oci::Digest;

use super::ranges::{RangeRequest, matches_etag};
use crate::error::RegistryError;
use crate::http::admission::{Allowed, DeleteArtifact, InRepository, Pull};
use crate::http::answer::{Answer, DOCKER_CONTENT_DIGEST, Outcome};
use crate::http::body::Body;
use crate::http::call::Call;
use crate::http::error::HttpError;

/// `GET` and `HEAD /v2/{name}/blobs/{digest}`.
pub(in crate::http) async fn get_blob(call: Call, on: Allowed<InRepository, Pull>) -> Outcome {
    let digest = parse_digest(call.parts.get("digest"))?;
    let is_head = call.method == Method::HEAD;
    let blob = if is_head {
        // Who asks whether a blob is there means not to upload it.
        call.registry.find_blob_to_keep(&on.name, &digest).await?
    } else {
        call.registry.find_blob(&on.name, &digest).await?
    };
    let etag = format!("\"{digest}\"");
    let described = |status| {
        Answer::new(status)
            .header(DOCKER_CONTENT_DIGEST, digest.to_string())
            .header(ETAG, &etag)
            .static_header(ACCEPT_RANGES, "bytes")
            .static_header(CACHE_CONTROL, "private, max-age=31536000, immutable")
            .static_header(CONTENT_TYPE, "application/octet-stream")
    };
    if matches_etag(call.header(&IF_NONE_MATCH), &etag) {
        return Ok(described(StatusCode::NOT_MODIFIED));
    }
    if is_head {
        return Ok(described(StatusCode::OK).length(blob.size));
    }
    if let Some(url) = call.registry.blob_url(&blob).await? {
        // The client asks there for the range that it wants. The URL works for some minutes only.
        return Ok(Answer::new(StatusCode::TEMPORARY_REDIRECT)
            .header(LOCATION, url)
            .header(DOCKER_CONTENT_DIGEST, digest.to_string())
            .static_header(CACHE_CONTROL, "no-store")
            .length(0));
    }
    // A range of an older entity is no use to who asks with `If-Range`.
    let range = call
        .header(&RANGE)
        .filter(|_| call.header(&IF_RANGE).is_none_or(|known| known == etag));
    let (status, part) = match RangeRequest::parse(range, blob.size) {
        RangeRequest::Whole => (StatusCode::OK, 0..blob.size),
        RangeRequest::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        RangeRequest::Unsatisfiable => return Err(unsatisfiable(blob.size)),
    };
    let length = part.end - part.start;
    let mut answer = described(status).length(length);
    if status == StatusCode::PARTIAL_CONTENT {
        let (first, last, size) = (part.start, part.end - 1, blob.size);
        answer = answer.header(CONTENT_RANGE, format!("bytes {first}-{last}/{size}"));
    }
    let bytes = call.registry.read_blob(&blob, part).await?;
    Ok(answer.body(Body::blob(bytes, length)))
}

/// `DELETE /v2/{name}/blobs/{digest}`.
pub(in crate::http) async fn delete_blob(
    call: Call,
    on: Allowed<InRepository, DeleteArtifact>,
) -> Outcome {
    let digest = parse_digest(call.parts.get("digest"))?;
    call.registry.delete_blob(&on.name, &digest).await?;
    Ok(Answer::new(StatusCode::ACCEPTED).length(0))
}

/// Takes a digest from a path or a query.
pub(super) fn parse_digest(text: &str) -> Result<Digest, RegistryError> {
    let invalid = |_error| RegistryError::DigestInvalid {
        text: text.chars().take(200).collect(),
    };
    text.parse().map_err(invalid)
}

fn unsatisfiable(size: u64) -> HttpError {
    let error = HttpError::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        "SIZE_INVALID",
        format!("the blob has {size} bytes; the range is not in it"),
    );
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(range) => error.header(CONTENT_RANGE, range),
        Err(_no_header) => error,
    }
}
