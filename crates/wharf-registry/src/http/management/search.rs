//! Search over all that the caller may see: Harbor's, and that of Docker's first registry protocol, which `docker search`
//! still speaks.

use http::{HeaderName, StatusCode};
use serde_json::{Value, json};

use super::projects;
use crate::db::repositories::RepositoryEntry;
use crate::http::admission::{Everybody, Optional};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;
use crate::listing::{Condition, ListRequest};

/// Most projects and repositories that a search shows.
const LIMIT: u64 = 100;
/// Entries on a page of `docker search`, if the client does not say.
const DOCKER_PAGE: u64 = 25;
/// Says to Docker's clients that no index stands beside this registry.
const STANDALONE: HeaderName = HeaderName::from_static("x-docker-registry-standalone");

/// `GET /search?q=`.
pub(in crate::http) async fn search(call: Call, _caller: Optional) -> Outcome {
    let text = call.query.get("q").unwrap_or_default();
    let request = named_like(text, 1, LIMIT);
    let principal = call.principal();
    let found = call
        .registry
        .list_projects(principal, request.clone())
        .await?;
    let shown: Vec<Value> = found.items.iter().map(projects::shown).collect();
    let found = call
        .registry
        .browse_repositories(principal, request)
        .await?;
    let repositories: Vec<Value> = found.items.iter().map(shown_repository).collect();
    Ok(Answer::json(&json!({
        "project": shown,
        "repository": repositories,
    })))
}

/// `GET /v1/_ping`.
pub(in crate::http) async fn ping_v1(_call: Call, _caller: Everybody) -> Outcome {
    Ok(Answer::json(&true).static_header(STANDALONE, "true"))
}

/// `GET /v1/search?q=&n=&page=`.
pub(in crate::http) async fn search_v1(call: Call, _caller: Optional) -> Outcome {
    let number = |name, default| match call.query.get(name) {
        None | Some("") => Ok(default),
        Some(text) => text
            .parse::<u64>()
            .ok()
            .filter(|number| (1..=10_000).contains(number))
            .ok_or_else(|| HttpError::bad_request(format!("{name}={text:?} is no such number"))),
    };
    let (size, page) = (number("n", DOCKER_PAGE)?.min(LIMIT), number("page", 1)?);
    let text = call.query.get("q").unwrap_or_default();
    let request = named_like(text, page, size);
    let found = call
        .registry
        .browse_repositories(call.principal(), request)
        .await?;
    let results: Vec<Value> = found
        .items
        .iter()
        .map(|entry| {
            json!({
                "name": entry.repository.name,
                "description": entry.repository.description,
                "star_count": 0,
                "is_official": false,
                "is_automated": false,
            })
        })
        .collect();
    Ok(Answer::new(StatusCode::OK).with_json(
        "application/json",
        &json!({
            "query": text,
            "num_results": found.total,
            "num_pages": found.total.div_ceil(size),
            "page": page,
            "page_size": size,
            "results": results,
        }),
    ))
}

fn named_like(text: &str, page: u64, page_size: u64) -> ListRequest {
    let request = ListRequest {
        page,
        page_size,
        ..ListRequest::default()
    };
    request.with("name", Condition::Fuzzy(text.to_owned()))
}

fn shown_repository(entry: &RepositoryEntry) -> Value {
    json!({
        "project_id": entry.repository.project,
        "project_name": entry.project_name,
        "project_public": entry.public,
        "repository_name": entry.repository.name,
        "pull_count": entry.repository.pulls,
        "artifact_count": entry.artifacts,
    })
}
