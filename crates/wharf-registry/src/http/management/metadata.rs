//! What projects are set to, one by one.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use crate::error::RegistryError;
use crate::http::admission::{
    Allowed, CreateMetadata, DeleteMetadata, InProject, ListMetadata, ReadMetadata, UpdateMetadata,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::projects::Metadata;

/// `GET /projects/{project}/metadatas/`.
pub(in crate::http) async fn list_metadata(
    _call: Call,
    on: Allowed<InProject, ListMetadata>,
) -> Outcome {
    Ok(Answer::json(Metadata::of(&on.project).entries()))
}

/// `GET /projects/{project}/metadatas/{meta}`.
pub(in crate::http) async fn get_metadata(
    call: Call,
    on: Allowed<InProject, ReadMetadata>,
) -> Outcome {
    let name = call.parts.get("meta");
    let metadata = Metadata::of(&on.project);
    let value = metadata.get(name).ok_or_else(|| unknown(name))?;
    Ok(Answer::json(&json!({ name: value })))
}

/// `POST /projects/{project}/metadatas/`: sets one thing that is not set yet.
pub(in crate::http) async fn create_metadata(
    call: Call,
    on: Allowed<InProject, CreateMetadata>,
) -> Outcome {
    let (name, value) = single(call.document().await?)?;
    call.registry
        .change_project(call.change(), on.project.id, move |metadata| {
            if metadata.get(&name).is_some() {
                return Err(RegistryError::Conflict {
                    reason: format!("the setting {name} already exists"),
                });
            }
            metadata.set(&name, &value)
        })
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `PUT /projects/{project}/metadatas/{meta}`.
pub(in crate::http) async fn update_metadata(
    call: Call,
    on: Allowed<InProject, UpdateMetadata>,
) -> Outcome {
    let (name, value) = single(call.document().await?)?;
    if name != call.parts.get("meta") {
        return Err(HttpError::bad_request(
            "the path and the body name different settings",
        ));
    }
    call.registry
        .change_project(call.change(), on.project.id, move |metadata| {
            metadata.set(&name, &value)
        })
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /projects/{project}/metadatas/{meta}`.
pub(in crate::http) async fn delete_metadata(
    call: Call,
    on: Allowed<InProject, DeleteMetadata>,
) -> Outcome {
    let name = call.parts.get("meta").to_owned();
    call.registry
        .change_project(call.change(), on.project.id, move |metadata| {
            if metadata.remove(&name)? {
                Ok(())
            } else {
                Err(unknown(&name))
            }
        })
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// Harbor's document for one setting: an object with one text.
fn single(entries: BTreeMap<String, String>) -> Result<(String, String), HttpError> {
    let mut entries = entries.into_iter();
    match (entries.next(), entries.next()) {
        (Some(entry), None) => Ok(entry),
        _ => Err(HttpError::bad_request(
            "the body is an object with one setting: {\"public\": \"true\"}",
        )),
    }
}

fn unknown(name: &str) -> RegistryError {
    RegistryError::NotFound {
        what: format!("setting {name}"),
    }
}
