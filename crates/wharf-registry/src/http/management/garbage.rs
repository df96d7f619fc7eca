//! The garbage collection. It is always on; a round more can be asked for.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::db::garbage_runs::GarbageRun;
use crate::error::RegistryError;
use crate::garbage::GarbageWish;
use crate::http::admission::{
    Allowed, CreateGarbageRun, ListGarbageRuns, OnSystem, ReadGarbageRun,
};
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Body;
use crate::http::call::Call;

/// What a client wants of a round.
#[derive(Debug, Deserialize)]
struct ScheduleRequest {
    #[serde(default)]
    schedule: Option<Schedule>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Debug, Deserialize)]
struct Schedule {
    #[serde(rename = "type", default)]
    kind: String,
}

/// Harbor's `delete_untagged` and `workers` are taken and have no meaning here: what has no tag stays until it is deleted,
/// and there is one collector.
#[derive(Debug, Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    empty_trash: bool,
}

/// `GET /system/gc`: rounds that did something or were asked for, the latest first.
pub(in crate::http) async fn list_runs(
    call: Call,
    _on: Allowed<OnSystem, ListGarbageRuns>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call.registry.list_garbage_runs(&request).await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /system/gc/{run}`.
pub(in crate::http) async fn get_run(
    call: Call,
    _on: Allowed<OnSystem, ReadGarbageRun>,
) -> Outcome {
    Ok(Answer::json(&shown(&find(&call).await?)))
}

/// `GET /system/gc/{run}/log`: what it did, as text.
pub(in crate::http) async fn get_run_log(
    call: Call,
    _on: Allowed<OnSystem, ReadGarbageRun>,
) -> Outcome {
    let run = find(&call).await?;
    let log = format!(
        "{} {}\n{}\n",
        harbor_time(run.began),
        run.status,
        run.report
    );
    Ok(Answer::new(StatusCode::OK)
        .static_header(CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Body::whole(log)))
}

/// `GET /system/gc/schedule`: always on, in rounds.
pub(in crate::http) async fn get_schedule(
    call: Call,
    _on: Allowed<OnSystem, ReadGarbageRun>,
) -> Outcome {
    let minutes = call
        .registry
        .garbage_interval()
        .as_secs()
        .div_ceil(60)
        .clamp(1, 59);
    Ok(Answer::json(&json!({
        "schedule": { "type": "Custom", "cron": format!("0 */{minutes} * * * *") },
        "job_name": "GARBAGE_COLLECTION",
    })))
}

/// `POST /system/gc/schedule`: asks for a round now. Another schedule cannot be set: the collector is always on.
pub(in crate::http) async fn start_run(
    call: Call,
    _on: Allowed<OnSystem, CreateGarbageRun>,
) -> Outcome {
    let request: ScheduleRequest = call.document().await?;
    let kind = request
        .schedule
        .map_or_else(String::new, |schedule| schedule.kind);
    if kind != "Manual" {
        return Err(RegistryError::Precondition {
            reason: "the collector is always on; how often it runs stands in the configuration, [garbage] interval. \
                     A round now is of the type \"Manual\""
                .to_owned(),
        }
        .into());
    }
    let wish = GarbageWish {
        dry_run: request.parameters.dry_run,
        strays: true,
        empty_trash: request.parameters.empty_trash,
    };
    let run = call.registry.start_garbage_run(wish, call.actor()).await?;
    Ok(Answer::new(StatusCode::CREATED)
        .location(format!("/api/v2.0/system/gc/{run}"))
        .length(0))
}

async fn find(call: &Call) -> Result<GarbageRun, RegistryError> {
    let text = call.parts.get("run");
    let id = text.parse().map_err(|error| RegistryError::BadRequest {
        reason: format!("{text:?} is no number of a round: {error}"),
    })?;
    call.registry.find_garbage_run(id).await
}

fn shown(run: &GarbageRun) -> Value {
    let kind = if run.actor.is_empty() {
        "SCHEDULE"
    } else {
        "MANUAL"
    };
    json!({
        "id": run.id,
        "job_name": "GARBAGE_COLLECTION",
        "job_kind": kind,
        "job_parameters": run.wish,
        "job_status": run.status,
        "job_result": run.report,
        "schedule": { "type": if kind == "MANUAL" { "Manual" } else { "Custom" } },
        "deleted": false,
        "creation_time": harbor_time(run.began),
        "update_time": harbor_time(run.ended.unwrap_or(run.began)),
    })
}
