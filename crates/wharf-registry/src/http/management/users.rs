//! Users.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::access::Principal;
use crate::accounts::{UserProfile, UserWish};
use crate::db::users::UserRecord;
use crate::error::RegistryError;
use crate::http::admission::{
    Administrator, Allowed, CreateUser, DeleteUser, ListUsers, OnSystem, OnUser, ReadUser,
    SignedIn, UpdateUser,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::credentials::sign_in_error;
use crate::http::error::HttpError;
use crate::listing::{Condition, Page};

/// A user to be made.
#[derive(Deserialize)]
struct UserRequest {
    username: String,
    password: String,
    #[serde(flatten)]
    profile: ProfileRequest,
}

/// What somebody writes about himself.
#[derive(Deserialize)]
struct ProfileRequest {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    realname: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

/// A new password.
#[derive(Deserialize)]
struct PasswordRequest {
    #[serde(default)]
    old_password: Option<String>,
    new_password: String,
}

/// Whether somebody administers the system.
#[derive(Deserialize)]
struct SysadminRequest {
    sysadmin_flag: bool,
}

impl ProfileRequest {
    /// The profile; what is absent stays as it is in `known`.
    fn into_profile(self, known: Option<&UserRecord>) -> UserProfile {
        let email = match self.email {
            Some(email) => Some(email).filter(|email| !email.is_empty()),
            None => known.and_then(|known| known.email.clone()),
        };
        let kept = |said: Option<String>, known: Option<&String>| {
            said.or_else(|| known.cloned()).unwrap_or_default()
        };
        UserProfile {
            email,
            real_name: kept(self.realname, known.map(|known| &known.real_name)),
            comment: kept(self.comment, known.map(|known| &known.comment)),
        }
    }
}

/// `GET /users`.
pub(in crate::http) async fn list_users(call: Call, _on: Allowed<OnSystem, ListUsers>) -> Outcome {
    let request = list_request(&call)?;
    let page = call.registry.list_users(request.clone()).await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /users/search?username=`: names and numbers, for who makes others members of his project.
pub(in crate::http) async fn search_users(call: Call, _caller: SignedIn) -> Outcome {
    let name = call.query.get("username").unwrap_or_default();
    if name.is_empty() {
        return Err(HttpError::bad_request("the parameter username is missing"));
    }
    let request = list_request(&call)?;
    let mut wanted = request.clone();
    // A search looks for names; filters would tell more than a search shows.
    wanted.filters.clear();
    wanted.sort.clear();
    let wanted = wanted.with("username", Condition::Fuzzy(name.to_owned()));
    let page: Page<UserRecord> = call.registry.list_users(wanted).await?;
    Ok(listed(
        &call,
        &request,
        &page,
        |user| json!({ "user_id": user.id, "username": user.name }),
    ))
}

/// `POST /users`.
pub(in crate::http) async fn create_user(
    call: Call,
    _on: Allowed<OnSystem, CreateUser>,
) -> Outcome {
    let request: UserRequest = call.document().await?;
    let wish = UserWish {
        name: request.username,
        profile: request.profile.into_profile(None),
        password: request.password,
    };
    let id = call.registry.create_user(call.change(), wish).await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/users/{id}"))
        .length(0))
}

/// `GET /users/current`: who asks. A robot is no user.
pub(in crate::http) async fn get_current_user(call: Call, _caller: SignedIn) -> Outcome {
    let user = match call.principal() {
        Principal::User { id, .. } => call.registry.find_user(*id).await?,
        Principal::Anonymous | Principal::Robot(_) => None,
    };
    let user = user.ok_or_else(|| RegistryError::Precondition {
        reason: format!("{} is not a user", call.actor()),
    })?;
    Ok(Answer::json(&shown(&user)))
}

/// `GET /users/{user}`.
pub(in crate::http) async fn get_user(_call: Call, on: Allowed<OnUser, ReadUser>) -> Outcome {
    Ok(Answer::json(&shown(&on.user)))
}

/// `PUT /users/{user}`.
pub(in crate::http) async fn update_user(call: Call, on: Allowed<OnUser, UpdateUser>) -> Outcome {
    let request: ProfileRequest = call.document().await?;
    let profile = request.into_profile(Some(&on.user));
    call.registry
        .set_profile(call.principal(), on.user.id, profile)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `DELETE /users/{user}`.
pub(in crate::http) async fn delete_user(call: Call, on: Allowed<OnUser, DeleteUser>) -> Outcome {
    call.registry
        .delete_user(call.principal(), on.user.id)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

/// `PUT /users/{user}/password`: the own with the old one, another's by an administrator.
pub(in crate::http) async fn set_password(call: Call, on: Allowed<OnUser, UpdateUser>) -> Outcome {
    let request: PasswordRequest = call.document().await?;
    let (old, new) = (request.old_password, request.new_password);
    let client = call.client;
    call.registry
        .set_password(call.principal(), &on.user, client, old, new)
        .await
        .map_err(|error| sign_in_error(&call, error))?;
    Ok(Answer::new(StatusCode::OK))
}

/// `PUT /users/{user}/sysadmin`.
pub(in crate::http) async fn set_sysadmin(call: Call, _caller: Administrator) -> Outcome {
    let text = call.parts.get("user");
    let id: Option<i64> = text.parse().ok();
    let id = id.ok_or_else(|| RegistryError::NotFound {
        what: format!("user {text}"),
    })?;
    let request: SysadminRequest = call.document().await?;
    call.registry
        .set_sysadmin(call.change(), id, request.sysadmin_flag)
        .await?;
    Ok(Answer::new(StatusCode::OK))
}

fn shown(user: &UserRecord) -> Value {
    json!({
        "user_id": user.id,
        "username": user.name,
        "email": user.email.as_deref().unwrap_or_default(),
        "realname": user.real_name,
        "comment": user.comment,
        "sysadmin_flag": user.is_sysadmin,
        "admin_role_in_auth": false,
        "creation_time": harbor_time(user.created),
        "update_time": harbor_time(user.updated),
    })
}
