//! Pages of lists: Harbor's parameters in, its headers out.

use http::HeaderName;
use http::header::LINK;
use serde_json::Value;

use crate::error::RegistryError;
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::http::query::percent_encode;
use crate::listing::{ListRequest, Page};

/// How many entries a list has on all its pages.
const TOTAL_COUNT: HeaderName = HeaderName::from_static("x-total-count");

/// Which part of a list the query asks for.
pub(in crate::http) fn list_request(call: &Call) -> Result<ListRequest, HttpError> {
    let parameter = |name| call.query.get(name);
    ListRequest::parse(
        parameter("q"),
        parameter("sort"),
        parameter("page"),
        parameter("page_size"),
    )
    .map_err(|error| RegistryError::from(error).into())
}

/// Answers with a page, its place in the list, and the way to the pages beside it.
pub(super) fn listed<T>(
    call: &Call,
    request: &ListRequest,
    page: &Page<T>,
    show: impl Fn(&T) -> Value,
) -> Answer {
    let entries: Vec<Value> = page.items.iter().map(show).collect();
    let answer = Answer::json(&entries).header(TOTAL_COUNT, page.total.to_string());
    let last = page.total.div_ceil(request.page_size);
    let mut links = Vec::new();
    if request.page > 1 && last > 0 {
        links.push(link(call, request, (request.page - 1).min(last), "prev"));
    }
    if request.page < last {
        links.push(link(call, request, request.page + 1, "next"));
    }
    if links.is_empty() {
        return answer;
    }
    answer.header(LINK, links.join(" , "))
}

/// The address of another page of the same list.
fn link(call: &Call, request: &ListRequest, page: u64, relation: &str) -> String {
    let others = call
        .query
        .iter()
        .filter(|(name, _)| *name != "page" && *name != "page_size")
        .map(|(name, value)| format!("{}={}&", percent_encode(name), percent_encode(value)));
    let others: String = others.collect();
    let (path, size) = (&call.path, request.page_size);
    format!("<{path}?{others}page={page}&page_size={size}>; rel=\"{relation}\"")
}
