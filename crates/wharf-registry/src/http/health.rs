//! Whether the server lives and can work.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::admission::Everybody;
use super::answer::{Answer, Outcome};
use super::body::Body;
use super::call::Call;
use crate::registry::Registry;

/// `GET /livez`: the process answers.
pub(super) async fn is_alive(_call: Call, _caller: Everybody) -> Outcome {
    Ok(alive())
}

/// `GET /readyz`: database and storage answer too. The log says why not.
pub(super) async fn is_ready(call: Call, _caller: Everybody) -> Outcome {
    Ok(ready(&call.registry).await)
}

/// That the process answers.
pub(super) fn alive() -> Answer {
    text(StatusCode::OK, "ok\n")
}

/// Whether all parts work.
pub(super) async fn ready(registry: &Registry) -> Answer {
    let unwell: Vec<&str> = components(registry)
        .await
        .into_iter()
        .filter_map(|(name, is_well)| (!is_well).then_some(name))
        .collect();
    if unwell.is_empty() {
        return alive();
    }
    let said = format!("not ready: {}\n", unwell.join(", "));
    text(StatusCode::SERVICE_UNAVAILABLE, said)
}

/// `GET /api/v2.0/ping`.
pub(super) async fn ping(_call: Call, _caller: Everybody) -> Outcome {
    Ok(text(StatusCode::OK, "Pong"))
}

/// `GET /api/v2.0/health`: each part of the registry, in Harbor's form.
pub(super) async fn report_health(call: Call, _caller: Everybody) -> Outcome {
    let word = |is_well| if is_well { "healthy" } else { "unhealthy" };
    let components = components(&call.registry).await;
    let all_are_well = components.iter().all(|(_, is_well)| *is_well);
    let components: Vec<_> = components
        .into_iter()
        .map(|(name, is_well)| json!({ "name": name, "status": word(is_well) }))
        .collect();
    Ok(Answer::json(&json!({
        "status": word(all_are_well),
        "components": components,
    })))
}

async fn components(registry: &Registry) -> [(&'static str, bool); 3] {
    let storage = registry.check_storage().await;
    let database = registry.check_database().await;
    [
        ("core", true),
        ("database", database.is_ok()),
        ("registry", storage.is_ok()),
    ]
}

fn text(status: StatusCode, text: impl Into<bytes::Bytes>) -> Answer {
    Answer::new(status)
        .static_header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Body::whole(text))
}
