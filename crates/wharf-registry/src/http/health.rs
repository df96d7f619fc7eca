//! Whether the server lives and can work.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use super::admission::Everybody;
use super::answer::{Answer, Outcome};
use super::body::Body;
use super::call::Call;

/// `GET /livez`: the process answers.
pub(super) async fn is_alive(_call: Call, _caller: Everybody) -> Outcome {
    Ok(text(StatusCode::OK, "ok\n"))
}

/// `GET /readyz`: database and storage answer too. The log says why not.
pub(super) async fn is_ready(call: Call, _caller: Everybody) -> Outcome {
    let unwell: Vec<&str> = components(&call)
        .await
        .into_iter()
        .filter_map(|(name, is_well)| (!is_well).then_some(name))
        .collect();
    if unwell.is_empty() {
        return Ok(text(StatusCode::OK, "ok\n"));
    }
    let said = format!("not ready: {}\n", unwell.join(", "));
    Ok(text(StatusCode::SERVICE_UNAVAILABLE, said))
}

/// `GET /api/v2.0/ping`.
pub(super) async fn ping(_call: Call, _caller: Everybody) -> Outcome {
    Ok(text(StatusCode::OK, "Pong"))
}

/// `GET /api/v2.0/health`: each part of the registry, in Harbor's form.
pub(super) async fn report_health(call: Call, _caller: Everybody) -> Outcome {
    let word = |is_well| if is_well { "healthy" } else { "unhealthy" };
    let components = components(&call).await;
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

async fn components(call: &Call) -> [(&'static str, bool); 3] {
    let storage = call.registry.check_storage().await;
    let database = call.registry.check_database().await;
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
