//! What the system is and has.

use serde_json::json;

use crate::http::admission::{Allowed, OnSystem, ReadVolumes};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// `GET /systeminfo/volumes`: how much room storage has. Object storage does not say.
pub(in crate::http) async fn get_volumes(
    call: Call,
    _on: Allowed<OnSystem, ReadVolumes>,
) -> Outcome {
    let room = call.registry.storage_room().await?;
    let volumes: Vec<_> = room
        .iter()
        .map(|room| json!({ "total": room.total_bytes, "free": room.free_bytes }))
        .collect();
    Ok(Answer::json(&json!({ "storage": volumes })))
}
