//! The catalog: all repositories that the caller may pull from. The specification dropped it; user interfaces did not.

use serde_json::json;

use super::paging::PageRequest;
use crate::access::{Action, Object, Permission, Resource, TokenScopes};
use crate::db::repositories::Audience;
use crate::http::admission::SignedIn;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::challenge::insufficient_scope;
use crate::http::error::HttpError;

/// Whose repositories are listed. A token has to be made for the catalog.
fn audience(call: &Call) -> Result<Audience, HttpError> {
    const CATALOG: Permission = Permission::new(Resource::Catalog, Action::Read);
    let is_for_it = |scopes: &TokenScopes| scopes.permit(&Object::System, CATALOG);
    if !call.requester.scopes.as_ref().is_none_or(is_for_it) {
        return Err(insufficient_scope(call, CATALOG));
    }
    Ok(call.principal().audience())
}

/// `GET /v2/_catalog`.
pub(in crate::http) async fn list_repositories(call: Call, _caller: SignedIn) -> Outcome {
    let request = PageRequest::of(&call)?;
    let page = call
        .registry
        .list_repositories(audience(&call)?, &request.last, request.limit)
        .await?;
    let answer = Answer::json(&json!({ "repositories": page.names }));
    Ok(match page.names.last() {
        Some(last) if page.more => request.link(answer, &call, last, ""),
        _ => answer,
    })
}
