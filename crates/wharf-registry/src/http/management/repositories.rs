//! Repositories.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::db::repositories::RepositoryEntry;
use crate::http::admission::{
    Allowed, DeleteRepository, InProject, InRepository, ListRepositories, Optional, ReadRepository,
    UpdateRepository,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// What a client says of a repository to be changed.
#[derive(Debug, Deserialize)]
struct RepositoryRequest {
    #[serde(default)]
    description: String,
}

/// `GET /repositories`: those of all projects that the caller may see.
pub(in crate::http) async fn browse_repositories(call: Call, _caller: Optional) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .browse_repositories(call.principal(), request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /projects/{project}/repositories`.
pub(in crate::http) async fn list_repositories(
    call: Call,
    on: Allowed<InProject, ListRepositories>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_repositories_of(on.project.id, request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /projects/{project}/repositories/{repository}`.
pub(in crate::http) async fn get_repository(
    call: Call,
    on: Allowed<InRepository, ReadRepository>,
) -> Outcome {
    let entry = call.registry.find_repository(&on.name).await?;
    Ok(Answer::json(&shown(&entry)))
}

/// `PUT /projects/{project}/repositories/{repository}`: writes a description.
pub(in crate::http) async fn update_repository(
    call: Call,
    on: Allowed<InRepository, UpdateRepository>,
) -> Outcome {
    let request: RepositoryRequest = call.document().await?;
    call.registry
        .describe_repository(call.change(), &on.name, request.description)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /projects/{project}/repositories/{repository}`, with everything in it.
pub(in crate::http) async fn delete_repository(
    call: Call,
    on: Allowed<InRepository, DeleteRepository>,
) -> Outcome {
    call.registry
        .delete_repository(call.change(), &on.name)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

fn shown(entry: &RepositoryEntry) -> Value {
    let repository = &entry.repository;
    json!({
        "id": repository.id,
        "project_id": repository.project,
        "name": repository.name,
        "description": repository.description,
        "artifact_count": entry.artifacts,
        "pull_count": repository.pulls,
        "creation_time": harbor_time(repository.created),
        "update_time": harbor_time(repository.updated),
    })
}
