//! Manifests (end-3, end-7, end-9).

use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderName, Method, StatusCode};
use wharf_oci::{MANIFEST_LIMIT_BYTES, MediaType};

use super::ranges::matches_etag;
use crate::error::RegistryError;
use crate::http::admission::{Allowed, DeleteArtifact, InRepository, Pull, Push};
use crate::http::answer::{Answer, DOCKER_CONTENT_DIGEST, Outcome};
use crate::http::body::Body;
use crate::http::call::Call;
use crate::http::credentials::is_session;
use crate::repositories::{ManifestPush, ManifestReference, parse_tag};

const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Most tags that one push may set, in the query.
const TAG_LIMIT: usize = 128;

/// `GET` and `HEAD /v2/{name}/manifests/{reference}`. Whatever `Accept` says, the manifest is served as it was pushed: that
/// is what Docker Hub does, and clients that cannot use it say so better than a 404 would. What somebody looks at in the portal
/// is no pull.
pub(in crate::http) async fn get_manifest(call: Call, on: Allowed<InRepository, Pull>) -> Outcome {
    let reference = ManifestReference::parse(call.parts.get("reference"))?;
    let manifest = call.registry.find_manifest(&on.name, &reference).await?;
    let digest = manifest.digest.to_string();
    let etag = format!("\"{digest}\"");
    if matches_etag(call.header(&IF_NONE_MATCH), &etag) {
        return Ok(Answer::new(StatusCode::NOT_MODIFIED)
            .header(ETAG, etag)
            .header(DOCKER_CONTENT_DIGEST, digest));
    }
    let answer = Answer::new(StatusCode::OK)
        .header(CONTENT_TYPE, manifest.media_type.as_str())
        .header(DOCKER_CONTENT_DIGEST, digest)
        .header(ETAG, etag)
        .length(manifest.content.len() as u64);
    if call.method == Method::HEAD {
        return Ok(answer);
    }
    if !is_session(&call) {
        call.registry.count_pull(manifest.id, &reference);
    }
    Ok(answer.body(Body::whole(manifest.content.clone())))
}

/// `PUT /v2/{name}/manifests/{reference}`, with further tags as `?tag=`.
pub(in crate::http) async fn put_manifest(call: Call, on: Allowed<InRepository, Push>) -> Outcome {
    let reference = ManifestReference::parse(call.parts.get("reference"))?;
    let tags = call
        .query
        .all("tag")
        .map(parse_tag)
        .collect::<Result<Vec<_>, _>>()?;
    if tags.len() > TAG_LIMIT {
        return Err(RegistryError::BadRequest {
            reason: format!(
                "{} tags in one push are more than the limit of {TAG_LIMIT}",
                tags.len()
            ),
        }
        .into());
    }
    let too_large = || {
        RegistryError::ManifestTooLarge {
            limit: MANIFEST_LIMIT_BYTES,
        }
        .into()
    };
    let content = call.whole_body(MANIFEST_LIMIT_BYTES, too_large).await?;
    let push = ManifestPush {
        project: on.project.id,
        name: on.name.clone(),
        reference: reference.clone(),
        tags,
        content_type: call.header(&CONTENT_TYPE).map(media_type),
        content,
        actor: call.actor().to_owned(),
    };
    let pushed = call.registry.push_manifest(push).await?;
    let mut answer = Answer::new(StatusCode::CREATED)
        .location(format!(
            "/v2/{}/manifests/{}",
            call.parts.get("name"),
            pushed.digest
        ))
        .header(DOCKER_CONTENT_DIGEST, pushed.digest.to_string());
    if let Some(subject) = pushed.subject {
        answer = answer.header(OCI_SUBJECT, subject.to_string());
    }
    for tag in pushed.tags {
        answer = answer.header(OCI_TAG, tag.as_str());
    }
    Ok(answer.length(0))
}

/// `DELETE /v2/{name}/manifests/{reference}`: a tag alone, or a manifest with its tags.
pub(in crate::http) async fn delete_manifest(
    call: Call,
    on: Allowed<InRepository, DeleteArtifact>,
) -> Outcome {
    let reference = ManifestReference::parse(call.parts.get("reference"))?;
    call.registry
        .delete_manifest(&on.name, &reference, call.actor())
        .await?;
    Ok(Answer::new(StatusCode::ACCEPTED).length(0))
}

/// The type without its parameters.
fn media_type(text: &str) -> MediaType {
    MediaType::new(text.split(';').next().unwrap_or_default().trim())
}
