//! Projects.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::access::ProjectRole;
use crate::db::projects::{Project, ProjectEntry};
use crate::error::RegistryError;
use crate::http::admission::{
    Allowed, DeleteProject, InProject, Optional, ReadProject, Right as _, SignedIn, UpdateProject,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::listing::Condition;
use crate::projects::{Metadata, ProjectKey, ProjectWish};

/// What a client says of a project to be made or changed.
#[derive(Debug, Deserialize)]
struct ProjectRequest {
    #[serde(default)]
    project_name: String,
    #[serde(default)]
    public: Option<bool>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    storage_limit: Option<i64>,
    #[serde(default)]
    registry_id: Option<i64>,
}

/// `GET /projects`: those that the caller may see.
pub(in crate::http) async fn list_projects(call: Call, _caller: Optional) -> Outcome {
    let mut request = list_request(&call)?;
    let parameter = |name| {
        call.query
            .get(name)
            .filter(|value: &&str| !value.is_empty())
    };
    if let Some(name) = parameter("name") {
        request = request.with("name", Condition::Fuzzy(name.to_owned()));
    }
    for field in ["public", "owner"] {
        if let Some(value) = parameter(field) {
            request = request.with(field, Condition::Exact(value.to_owned()));
        }
    }
    let page = call
        .registry
        .list_projects(call.principal(), request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `HEAD /projects?project_name=`: whether there is a project of this name that the caller may see.
pub(in crate::http) async fn head_project(call: Call, _caller: SignedIn) -> Outcome {
    let name = call
        .query
        .get("project_name")
        .unwrap_or_default()
        .to_owned();
    if name.is_empty() {
        return Err(HttpError::bad_request(
            "the parameter project_name is missing",
        ));
    }
    let key = ProjectKey::Name(name.clone());
    let standing = call.registry.standing_by_key(call.principal(), key).await?;
    let is_visible = standing
        .is_some_and(|standing| standing.may(&call.requester, None, ReadProject::PERMISSION));
    if is_visible {
        return Ok(Answer::new(StatusCode::OK));
    }
    Err(RegistryError::NotFound {
        what: format!("project {name}"),
    }
    .into())
}

/// `POST /projects`.
pub(in crate::http) async fn create_project(call: Call, _caller: SignedIn) -> Outcome {
    let request: ProjectRequest = call.document().await?;
    let mut metadata = Metadata::new(request.public.unwrap_or(false));
    request.apply_to(&mut metadata)?;
    let wish = ProjectWish {
        name: request.project_name,
        metadata,
    };
    let id = call.registry.create_project(call.principal(), wish).await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/projects/{id}"))
        .length(0))
}

/// `GET /projects/{project}`.
pub(in crate::http) async fn get_project(
    call: Call,
    on: Allowed<InProject, ReadProject>,
) -> Outcome {
    let repositories = call.registry.count_repositories(on.project.id).await?;
    let entry = ProjectEntry {
        project: on.project.clone(),
        repositories,
        role: on.role.map(ProjectRole::id),
    };
    Ok(Answer::json(&shown(&entry)))
}

/// `PUT /projects/{project}`.
pub(in crate::http) async fn update_project(
    call: Call,
    on: Allowed<InProject, UpdateProject>,
) -> Outcome {
    let request: ProjectRequest = call.document().await?;
    if !request.project_name.is_empty() && request.project_name != on.project.name {
        return Err(HttpError::bad_request(
            "a project cannot be given another name",
        ));
    }
    call.registry
        .change_project(call.change(), on.project.id, move |metadata| {
            if let Some(public) = request.public {
                metadata.set("public", if public { "true" } else { "false" })?;
            }
            request.apply_to(metadata)
        })
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /projects/{project}`.
pub(in crate::http) async fn delete_project(
    call: Call,
    on: Allowed<InProject, DeleteProject>,
) -> Outcome {
    call.registry
        .delete_project(call.change(), on.project.id)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `GET /projects/{project}/_deletable`.
pub(in crate::http) async fn is_project_deletable(
    call: Call,
    on: Allowed<InProject, DeleteProject>,
) -> Outcome {
    let repositories = call.registry.count_repositories(on.project.id).await?;
    let message = match repositories {
        0 => String::new(),
        _ => "the project contains repositories, can not be deleted".to_owned(),
    };
    Ok(Answer::json(&json!({
        "deletable": repositories == 0,
        "message": message,
    })))
}

/// `GET /projects/{project}/summary`.
pub(in crate::http) async fn summarise_project(
    call: Call,
    on: Allowed<InProject, ReadProject>,
) -> Outcome {
    let summary = call.registry.summarise_project(on.project.id).await?;
    let mut shown = json!({
        "repo_count": summary.repositories,
        "quota": {
            "hard": { "storage": -1 },
            "used": { "storage": summary.stored_bytes },
        },
    });
    // Who is in a project that everybody may read is not everybody's business.
    let is_insider = on.role.is_some() || call.principal().is_sysadmin();
    if is_insider && let Some(shown) = shown.as_object_mut() {
        for (role, field) in [
            (ProjectRole::ProjectAdmin, "project_admin_count"),
            (ProjectRole::Maintainer, "maintainer_count"),
            (ProjectRole::Developer, "developer_count"),
            (ProjectRole::Guest, "guest_count"),
            (ProjectRole::LimitedGuest, "limited_guest_count"),
        ] {
            let counted = summary.members.iter().find(|(known, _)| *known == role);
            let count = counted.map_or(0, |(_, count)| *count);
            shown.insert(field.to_owned(), json!(count));
        }
    }
    Ok(Answer::json(&shown))
}

impl ProjectRequest {
    /// Sets what is said. What this registry does not have is refused rather than passed over.
    fn apply_to(&self, metadata: &mut Metadata) -> Result<(), RegistryError> {
        let refused = |reason: &str| {
            Err(RegistryError::BadRequest {
                reason: reason.to_owned(),
            })
        };
        if self.storage_limit.is_some_and(|limit| limit > 0) {
            return refused("this registry limits no project's storage; storage_limit is -1");
        }
        if self.registry_id.is_some_and(|id| id != 0) {
            return refused("this registry has no proxy projects; registry_id must be absent");
        }
        for (name, value) in self.metadata.iter().flatten() {
            if let Some(value) = value {
                metadata.set(name, value)?;
            }
        }
        Ok(())
    }
}

/// A project in Harbor's form.
pub(super) fn shown(entry: &ProjectEntry) -> Value {
    let Project { id, name, .. } = &entry.project;
    let role = entry.role.unwrap_or(0);
    let roles: Vec<i64> = entry.role.into_iter().collect();
    json!({
        "project_id": id,
        "name": name,
        "owner_id": entry.project.owner,
        "owner_name": entry.project.owner_name,
        "deleted": false,
        "repo_count": entry.repositories,
        "current_user_role_id": role,
        "current_user_role_ids": roles,
        "metadata": Metadata::of(&entry.project).entries(),
        "creation_time": harbor_time(entry.project.created),
        "update_time": harbor_time(entry.project.updated),
    })
}
