//! What can be done at all, and what the caller may do.

use serde_json::{Value, json};

use crate::access::{
    self, Action, Permission, ProjectFacts, Resource, project_permissions, system_permissions,
};
use crate::http::admission::SignedIn;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::projects::ProjectKey;

/// `GET /permissions`: what robots can be given.
pub(in crate::http) async fn list_permissions(_call: Call, _caller: SignedIn) -> Outcome {
    let system: Vec<Permission> = system_permissions().collect();
    let project: Vec<Permission> = project_permissions().collect();
    Ok(Answer::json(
        &json!({ "system": system, "project": project }),
    ))
}

/// `GET /users/current/permissions?scope=/project/1&relative=true`: what the caller may do there, or in the system.
pub(in crate::http) async fn list_own_permissions(call: Call, _caller: SignedIn) -> Outcome {
    let scope = call.query.get("scope").unwrap_or_default();
    let facts = match scope.strip_prefix("/project/") {
        Some(project) => standing_in(&call, project.trim_end_matches('/')).await?,
        None if matches!(scope, "" | "/" | "/system") => None,
        None => {
            return Err(HttpError::bad_request(
                "scope is /system, or /project/ and a project's number",
            ));
        }
    };
    let object = match facts {
        Some(facts) => access::Object::Project(facts),
        // Who may not see a project may do nothing in it, as if it were not there.
        None if scope.starts_with("/project/") => return Ok(Answer::json(&Vec::<Value>::new())),
        None => access::Object::System,
    };
    let prefix = if call.query.is_true("relative") {
        String::new()
    } else {
        format!("{}/", scope.trim_end_matches('/'))
    };
    let mut permissions = Vec::new();
    for resource in Resource::ALL {
        for action in Action::ALL {
            if call
                .requester
                .may(&object, Permission::new(*resource, *action))
            {
                permissions.push(json!({
                    "resource": format!("{prefix}{resource}"),
                    "action": action,
                }));
            }
        }
    }
    Ok(Answer::json(&permissions))
}

async fn standing_in(call: &Call, project: &str) -> Result<Option<ProjectFacts>, HttpError> {
    let Ok(id) = project.parse() else {
        return Ok(None);
    };
    let principal = call.principal();
    let key = ProjectKey::Id(id);
    let standing = call.registry.standing_by_key(principal, key).await?;
    Ok(standing.map(|standing| standing.facts))
}
