//! Projects.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::times::harbor_time;
use crate::db::projects::Project;
use crate::http::admission::{Allowed, InProject, ReadProject, SignedIn};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::projects::ProjectWish;

/// What a client says of a project to be made.
#[derive(Debug, Deserialize)]
struct ProjectRequest {
    project_name: String,
    #[serde(default)]
    public: Option<bool>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    public: Option<String>,
}

/// `POST /projects`.
pub(in crate::http) async fn create_project(call: Call, _caller: SignedIn) -> Outcome {
    let request: ProjectRequest = call.document().await?;
    let said = request.metadata.unwrap_or_default().public;
    let public = said.map_or(request.public.unwrap_or(false), |public| public == "true");
    let wish = ProjectWish {
        name: request.project_name,
        public,
    };
    let id = call.registry.create_project(call.principal(), wish).await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/projects/{id}"))
        .length(0))
}

/// `GET /projects/{project}`.
pub(in crate::http) async fn get_project(
    _call: Call,
    on: Allowed<InProject, ReadProject>,
) -> Outcome {
    Ok(Answer::json(&shown(&on.project)))
}

fn shown(project: &Project) -> Value {
    json!({
        "project_id": project.id,
        "name": project.name,
        "owner_id": project.owner,
        "owner_name": project.owner_name,
        "metadata": { "public": project.public.to_string() },
        "creation_time": harbor_time(project.created),
        "update_time": harbor_time(project.updated),
    })
}
