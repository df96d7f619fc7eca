//! Referrers (end-12).

use serde_json::{Map, Value, json};
use wharf_oci::MediaType;

use super::blobs::parse_digest;
use super::paging::{FILTERS_APPLIED, PageRequest};
use crate::db::manifests::Referrer;
use crate::http::admission::{Allowed, InRepository, Pull};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::query::percent_encode;

/// Longest page: what a client has to take in one answer stays below the size of a manifest, as long as annotations are short.
const PAGE_LIMIT: u64 = 1_000;

/// `GET /v2/{name}/referrers/{digest}`.
pub(in crate::http) async fn list_referrers(
    call: Call,
    on: Allowed<InRepository, Pull>,
) -> Outcome {
    let subject = parse_digest(call.parts.get("digest"))?;
    let artifact_type = call
        .query
        .get("artifactType")
        .filter(|wanted| !wanted.is_empty());
    let mut request = PageRequest::of(&call)?;
    request.limit = request.limit.clamp(1, PAGE_LIMIT);
    let page = call
        .registry
        .list_referrers(
            &on.name,
            &subject,
            artifact_type,
            &request.last,
            request.limit,
        )
        .await?;
    let manifests: Vec<Value> = page.referrers.iter().map(descriptor).collect();
    let index = json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_INDEX,
        "manifests": manifests,
    });
    let mut answer = Answer::new(http::StatusCode::OK).with_json(MediaType::OCI_INDEX, &index);
    let mut further = String::new();
    if let Some(wanted) = artifact_type {
        answer = answer.static_header(FILTERS_APPLIED, "artifactType");
        further = format!("&artifactType={}", percent_encode(wanted));
    }
    Ok(match page.referrers.last() {
        Some(last) if page.more => request.link(answer, &call, &last.digest, &further),
        _ => answer,
    })
}

fn descriptor(referrer: &Referrer) -> Value {
    let mut descriptor = Map::new();
    descriptor.insert("mediaType".to_owned(), json!(referrer.media_type));
    descriptor.insert("digest".to_owned(), json!(referrer.digest));
    descriptor.insert("size".to_owned(), json!(referrer.size));
    if let Some(artifact_type) = &referrer.artifact_type {
        descriptor.insert("artifactType".to_owned(), json!(artifact_type));
    }
    let annotations = referrer.annotations.as_deref();
    if let Some(annotations) = annotations.and_then(|text| serde_json::from_str(text).ok()) {
        descriptor.insert("annotations".to_owned(), annotations);
    }
    Value::Object(descriptor)
}
