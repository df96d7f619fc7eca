//! The trash of a project: what was deleted and can be brought back. Harbor has none.

use http::StatusCode;
use serde_json::{Value, json};

use super::times::harbor_time;
use crate::error::RegistryError;
use crate::http::admission::{Allowed, CreateArtifact, InProject, ListArtifacts};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::repositories::DeletedManifest;

/// Longest page.
const PAGE: u64 = 100;

/// `GET /projects/{project}/trash`: deleted manifests, the latest first; `before=` is the last number of the page before.
pub(in crate::http) async fn list_trash(
    call: Call,
    on: Allowed<InProject, ListArtifacts>,
) -> Outcome {
    let before = call.query.get("before").map(number).transpose()?;
    let entries = call
        .registry
        .list_trash(on.project.id, before, PAGE)
        .await?;
    let entries: Vec<Value> = entries.iter().map(shown).collect();
    Ok(Answer::json(&entries))
}

/// `POST /projects/{project}/trash/{entry}/restore`: brings a manifest back, with those of its tags that name nothing else.
pub(in crate::http) async fn restore_from_trash(
    call: Call,
    on: Allowed<InProject, CreateArtifact>,
) -> Outcome {
    let entry = number(call.parts.get("entry"))?;
    call.registry
        .restore_manifest(on.project.id, entry, call.actor())
        .await?;
    Ok(Answer::new(StatusCode::OK).length(0))
}

fn number(text: &str) -> Result<i64, RegistryError> {
    text.parse().map_err(|error| RegistryError::BadRequest {
        reason: format!("{text:?} is no number of an entry: {error}"),
    })
}

fn shown(entry: &DeletedManifest) -> Value {
    json!({
        "id": entry.id,
        "repository_name": entry.repository,
        "digest": entry.digest,
        "tags": entry.tags,
        "delete_time": harbor_time(entry.deleted),
        "deleted_by": entry.deleted_by,
    })
}
