//! Uploads of blobs (end-4, end-5, end-6, end-11, end-13, end-14).

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, RANGE};
use http::{HeaderName, StatusCode};
use wharf_oci::{Algorithm, Digest};

use super::blobs::parse_digest;
use super::ranges::content_range;
use crate::error::RegistryError;
use crate::http::admission::{Allowed, InRepository, Push};
use crate::http::answer::{Answer, DOCKER_CONTENT_DIGEST, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::repositories::{ByteRange, MountSource, RepositoryName, UploadProgress};

const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Most repositories in which a blob is looked for when a mount names none.
const MOUNT_SOURCES: u64 = 100;

/// `POST /v2/{name}/blobs/uploads/`: begins an upload, or takes a whole blob (`?digest=`), or mounts one (`?mount=`).
pub(in crate::http) async fn begin_upload(call: Call, on: Allowed<InRepository, Push>) -> Outcome {
    if let Some(text) = call.query.get("mount") {
        let digest = parse_digest(text)?;
        if mount(&call, &on, &digest).await? {
            return Ok(created(&call, &digest));
        }
        // Not to be had there: the client uploads it instead.
    } else if let Some(text) = call.query.get("digest") {
        let digest = parse_digest(text)?;
        let body = call.take_body().await;
        let (registry, project, name) = (call.registry.clone(), on.project.id, on.name.clone());
        let owner = call.actor().to_owned();
        detached(async move {
            registry
                .push_blob(project, &name, &owner, &digest, body)
                .await
        })
        .await?;
        return Ok(created(&call, &digest));
    }
    let algorithm = match call.query.get("digest-algorithm") {
        None => Algorithm::Sha256,
        Some(name) => Algorithm::from_name(name).ok_or_else(|| RegistryError::DigestInvalid {
            text: name.chars().take(200).collect(),
        })?,
    };
    let progress = call
        .registry
        .begin_upload(on.project.id, &on.name, call.actor(), algorithm)
        .await?;
    Ok(under_way(&call, StatusCode::ACCEPTED, &progress))
}

/// `GET` of an upload: how far it is.
pub(in crate::http) async fn upload_progress(
    call: Call,
    on: Allowed<InRepository, Push>,
) -> Outcome {
    let progress = call
        .registry
        .upload_progress(&on.name, call.parts.get("upload"))
        .await?;
    Ok(under_way(&call, StatusCode::NO_CONTENT, &progress))
}

/// `PATCH` of an upload: appends a chunk, or all that comes.
pub(in crate::http) async fn append_upload(call: Call, on: Allowed<InRepository, Push>) -> Outcome {
    let range = announced_range(&call)?;
    let body = call.take_body().await;
    let (registry, name, id) = session(&call, &on);
    let appended =
        detached(async move { registry.append_upload(&name, &id, range, body).await }).await;
    Ok(under_way(&call, StatusCode::ACCEPTED, &appended?))
}

/// `PUT` of an upload: takes the last chunk, if there is one, and ends it.
pub(in crate::http) async fn finish_upload(call: Call, on: Allowed<InRepository, Push>) -> Outcome {
    let digest = match call.query.get("digest") {
        Some(text) => parse_digest(text)?,
        None => {
            return Err(RegistryError::DigestInvalid {
                text: String::new(),
            }
            .into());
        }
    };
    let range = announced_range(&call)?;
    let body = call.take_body().await;
    let (registry, name, id) = session(&call, &on);
    detached(async move {
        registry
            .finish_upload(&name, &id, range, &digest, body)
            .await
    })
    .await?;
    Ok(created(&call, &digest))
}

/// `DELETE` of an upload.
pub(in crate::http) async fn cancel_upload(call: Call, on: Allowed<InRepository, Push>) -> Outcome {
    call.registry
        .cancel_upload(&on.name, call.parts.get("upload"))
        .await?;
    Ok(Answer::new(StatusCode::NO_CONTENT))
}

fn session(
    call: &Call,
    on: &Allowed<InRepository, Push>,
) -> (crate::Registry, RepositoryName, String) {
    let id = call.parts.get("upload").to_owned();
    (call.registry.clone(), on.name.clone(), id)
}

/// Runs on when the client goes away, so that what it sent is kept and its lease is given back.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, RegistryError>> + Send + 'static,
) -> Result<T, RegistryError> {
    match tokio::spawn(work).await {
        Ok(outcome) => outcome,
        Err(error) => Err(RegistryError::Internal(error.to_string())),
    }
}

/// Mounts from the repository that `from` names, or from any that the caller may read.
async fn mount(
    call: &Call,
    on: &Allowed<InRepository, Push>,
    digest: &Digest,
) -> Result<bool, HttpError> {
    let candidates = match call.query.get("from") {
        Some(from) => vec![RepositoryName::parse(from)?],
        None => {
            call.registry
                .repositories_with_blob(digest, MOUNT_SOURCES)
                .await?
        }
    };
    let mut readable = Vec::new();
    for candidate in candidates {
        if call.may_pull(&candidate).await? {
            readable.push(candidate);
        }
    }
    let mounted = call
        .registry
        .mount_blob(
            on.project.id,
            &on.name,
            MountSource::AnyOf(readable),
            digest,
        )
        .await?;
    Ok(mounted)
}

/// `Content-Range`, where the client says which bytes it sends; and then its `Content-Length` must agree.
fn announced_range(call: &Call) -> Result<Option<ByteRange>, HttpError> {
    let Some(header) = call.headers.get(CONTENT_RANGE) else {
        return Ok(None);
    };
    let text = header.to_str().unwrap_or_default();
    let range = content_range(text).ok_or_else(|| {
        HttpError::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "BLOB_UPLOAD_INVALID",
            format!("Content-Range {text:?} is not of the form <first>-<last>"),
        )
    })?;
    let length = call
        .header(&CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok());
    let said = range.length();
    match length {
        Some(length) if length != said => {
            Err(RegistryError::SizeInvalid { said, came: length }.into())
        }
        _ => Ok(Some(range)),
    }
}

fn created(call: &Call, digest: &Digest) -> Answer {
    Answer::new(StatusCode::CREATED)
        .location(format!("/v2/{}/blobs/{digest}", call.parts.get("name")))
        .header(DOCKER_CONTENT_DIGEST, digest.to_string())
        .length(0)
}

fn under_way(call: &Call, status: StatusCode, progress: &UploadProgress) -> Answer {
    // Of nothing there is no last byte; clients know `0-0` from the reference implementation.
    let last = progress.offset.saturating_sub(1);
    let answer = Answer::new(status)
        .location(format!(
            "/v2/{}/blobs/uploads/{}",
            call.parts.get("name"),
            progress.id
        ))
        .header(RANGE, format!("0-{last}"))
        .header(DOCKER_UPLOAD_UUID, &progress.id);
    if status == StatusCode::NO_CONTENT {
        return answer;
    }
    answer.length(0)
}
