//! Members of projects.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use crate::access::ProjectRole;
use crate::db::members::MemberRecord;
use crate::error::RegistryError;
use crate::http::admission::{
    Allowed, CreateMember, DeleteMember, InProject, ListMembers, ReadMember, UpdateMember,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::projects::NewMember;

/// Who is to be a member, and what he is to be.
#[derive(Debug, Deserialize)]
struct MemberRequest {
    role_id: i64,
    #[serde(default)]
    member_user: Option<UserRequest>,
    #[serde(default)]
    member_group: Option<Value>,
}

/// A user, by number or by name.
#[derive(Debug, Deserialize)]
struct UserRequest {
    #[serde(default)]
    user_id: Option<i64>,
    #[serde(default)]
    username: Option<String>,
}

/// What a member is to be.
#[derive(Debug, Deserialize)]
struct RoleRequest {
    role_id: i64,
}

/// `GET /projects/{project}/members`, those whose names have `entityname` in them.
pub(in crate::http) async fn list_members(
    call: Call,
    on: Allowed<InProject, ListMembers>,
) -> Outcome {
    let request = list_request(&call)?;
    let part = call.query.get("entityname").filter(|part| !part.is_empty());
    let page = call
        .registry
        .list_members(on.project.id, part.map(str::to_owned), request.clone())
        .await?;
    Ok(listed(&call, &request, &page, |member| {
        shown(on.project.id, member)
    }))
}

/// `GET /projects/{project}/members/{member}`.
pub(in crate::http) async fn get_member(call: Call, on: Allowed<InProject, ReadMember>) -> Outcome {
    let member = call
        .registry
        .find_member(on.project.id, number(&call)?)
        .await?;
    Ok(Answer::json(&shown(on.project.id, &member)))
}

/// `POST /projects/{project}/members`.
pub(in crate::http) async fn create_member(
    call: Call,
    on: Allowed<InProject, CreateMember>,
) -> Outcome {
    let request: MemberRequest = call.document().await?;
    let role = role(request.role_id)?;
    if request.member_group.is_some_and(|group| !group.is_null()) {
        return Err(HttpError::bad_request(
            "this registry has no groups of users",
        ));
    }
    let who = request.member_user.and_then(|user| match user {
        UserRequest {
            username: Some(name),
            ..
        } if !name.is_empty() => Some(NewMember::Name(name)),
        UserRequest { user_id, .. } => user_id.map(NewMember::Id),
    });
    let who = who.ok_or_else(|| {
        HttpError::bad_request("member_user is missing, with a user_id or a username")
    })?;
    let id = call
        .registry
        .add_member(call.change(), &on.project, who, role)
        .await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/projects/{}/members/{id}", on.project.id))
        .length(0))
}

/// `PUT /projects/{project}/members/{member}`.
pub(in crate::http) async fn update_member(
    call: Call,
    on: Allowed<InProject, UpdateMember>,
) -> Outcome {
    let request: RoleRequest = call.document().await?;
    let (role, id) = (role(request.role_id)?, number(&call)?);
    call.registry
        .set_member_role(call.change(), on.project.id, id, role)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /projects/{project}/members/{member}`.
pub(in crate::http) async fn delete_member(
    call: Call,
    on: Allowed<InProject, DeleteMember>,
) -> Outcome {
    call.registry
        .remove_member(call.change(), on.project.id, number(&call)?)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

fn role(id: i64) -> Result<ProjectRole, HttpError> {
    ProjectRole::from_id(id).ok_or_else(|| {
        HttpError::bad_request(
            "role_id is 1 (project admin), 2 (developer), 3 (guest), 4 (maintainer) or 5 (limited guest)",
        )
    })
}

/// The number of the membership in the path.
fn number(call: &Call) -> Result<i64, HttpError> {
    let text = call.parts.get("member");
    let number: Option<i64> = text.parse().ok();
    number.ok_or_else(|| {
        RegistryError::NotFound {
            what: format!("member {text}"),
        }
        .into()
    })
}

fn shown(project: i64, member: &MemberRecord) -> Value {
    let role = ProjectRole::from_id(member.role);
    json!({
        "id": member.id,
        "project_id": project,
        "entity_name": member.user_name,
        "entity_id": member.user,
        "entity_type": "u",
        "role_id": member.role,
        "role_name": role.map(ProjectRole::name),
    })
}
