//! Lists of tags (end-8).

use serde_json::json;

use super::paging::PageRequest;
use crate::http::admission::{Allowed, InRepository, Pull};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// `GET /v2/{name}/tags/list`.
pub(in crate::http) async fn list_tags(call: Call, on: Allowed<InRepository, Pull>) -> Outcome {
    let request = PageRequest::of(&call)?;
    let page = call
        .registry
        .list_tags(&on.name, &request.last, request.limit)
        .await?;
    let answer = Answer::json(&json!({ "name": call.parts.get("name"), "tags": page.names }));
    Ok(match page.names.last() {
        Some(last) if page.more => request.link(answer, &call, last, ""),
        _ => answer,
    })
}
