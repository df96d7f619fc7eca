//! The audit log, of the system and of projects.

use serde_json::{Value, json};

use super::paging::{list_request, listed};
use super::times::harbor_time;
use crate::audit::{Operation, Subject};
use crate::db::audit::AuditEntry;
use crate::http::admission::{Allowed, InProject, ListLog, SignedIn};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// `GET /audit-logs` and `/auditlog-exts`: what happened, as far as the caller may read it.
pub(in crate::http) async fn list_audit_log(call: Call, _caller: SignedIn) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_audit_log(call.principal(), request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /projects/{project}/logs` and `.../auditlog-exts`.
pub(in crate::http) async fn list_project_log(
    call: Call,
    on: Allowed<InProject, ListLog>,
) -> Outcome {
    let request = list_request(&call)?;
    let page = call
        .registry
        .list_project_log(on.project.id, request.clone())
        .await?;
    Ok(listed(&call, &request, &page, shown))
}

/// `GET /auditlog-exts/events`: the kinds of entries that there can be.
pub(in crate::http) async fn list_event_types(_call: Call, _caller: SignedIn) -> Outcome {
    let events = Subject::ALL.iter().flat_map(|subject| {
        Operation::of(*subject)
            .iter()
            .map(|operation| format!("{}_{}", operation.as_str(), subject.as_str()))
    });
    let events: Vec<Value> = events.map(|event| json!({ "event_type": event })).collect();
    Ok(Answer::json(&events))
}

fn shown(entry: &AuditEntry) -> Value {
    let AuditEntry {
        operation,
        resource_type,
        resource,
        detail,
        ..
    } = entry;
    let mut description = format!("{operation} {resource_type} {resource}");
    if !detail.is_empty() {
        description = format!("{description} ({detail})");
    }
    json!({
        "id": entry.id,
        "username": entry.actor,
        "resource": resource,
        "resource_type": resource_type,
        "operation": operation,
        "operation_description": description,
        // What fails changes nothing, and is not in this log.
        "operation_result": true,
        "op_time": harbor_time(entry.at),
    })
}
