//! The settings of the system, as far as they can be set.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::configuration::ConfigurationChange;
use crate::http::admission::{Allowed, OnSystem, ReadConfiguration, UpdateConfiguration};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::error::HttpError;

/// `GET /configurations`: what is set, and what of it can be set otherwise.
pub(in crate::http) async fn get_configurations(
    call: Call,
    _on: Allowed<OnSystem, ReadConfiguration>,
) -> Outcome {
    let configuration = call.registry.configuration().await?;
    let restriction = if configuration.users_create_projects {
        "everyone"
    } else {
        "adminonly"
    };
    let mut shown = Map::new();
    for (name, value, editable) in [
        ("project_creation_restriction", json!(restriction), true),
        (
            "robot_token_duration",
            json!(configuration.robot_duration_days),
            true,
        ),
        (
            "session_timeout",
            json!(configuration.session_minutes),
            true,
        ),
        ("auth_mode", json!("db_auth"), false),
        ("primary_auth_mode", json!(false), false),
        ("self_registration", json!(false), false),
        ("read_only", json!(false), false),
        (
            "robot_name_prefix",
            json!(crate::access::DEFAULT_ROBOT_PREFIX),
            false,
        ),
        ("quota_per_project_enable", json!(false), false),
        ("storage_per_project", json!(-1), false),
        ("notification_enable", json!(false), false),
    ] {
        shown.insert(
            name.to_owned(),
            json!({ "value": value, "editable": editable }),
        );
    }
    Ok(Answer::json(&Value::Object(shown)))
}

/// `PUT /configurations`: an object of settings. One that cannot be set here is an error, and then none is set.
pub(in crate::http) async fn update_configurations(
    call: Call,
    _on: Allowed<OnSystem, UpdateConfiguration>,
) -> Outcome {
    let wanted: Map<String, Value> = call.document().await?;
    let mut change = ConfigurationChange::default();
    for (name, value) in &wanted {
        let bad = || HttpError::bad_request(format!("{value} is no value of {name}"));
        match name.as_str() {
            "project_creation_restriction" => {
                change.users_create_projects = Some(match value.as_str() {
                    Some("everyone") => true,
                    Some("adminonly") => false,
                    _ => return Err(bad()),
                });
            }
            "robot_token_duration" => {
                change.robot_duration_days = Some(value.as_i64().ok_or_else(bad)?);
            }
            "session_timeout" => {
                change.session_minutes = Some(value.as_i64().ok_or_else(bad)?);
            }
            other => {
                let other: String = other.chars().take(100).collect();
                return Err(HttpError::bad_request(format!(
                    "{other} cannot be set in this registry"
                )));
            }
        }
    }
    call.registry.configure(call.change(), change).await?;
    Ok(Answer::new(StatusCode::OK))
}
