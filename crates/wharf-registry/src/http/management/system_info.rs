//! What the system is, has and holds.

use serde_json::json;

use super::times::harbor_time;
use crate::access::Principal;
use crate::http::admission::{Allowed, OnSystem, Optional, ReadVolumes, SignedIn};
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// Which Harbor's API this is, for clients that look at the version, and which Wharf answers.
const VERSION: &str = concat!("v2.15.0-wharf-", env!("CARGO_PKG_VERSION"));

/// `GET /systeminfo`. As in Harbor, only who is signed in learns the version.
pub(in crate::http) async fn get_system_info(call: Call, _caller: Optional) -> Outcome {
    let mut info = json!({
        "auth_mode": "db_auth",
        "primary_auth_mode": false,
        "self_registration": false,
        "banner_message": "",
        "oidc_provider_name": "",
    });
    let is_known = !matches!(call.principal(), Principal::Anonymous);
    if is_known && let Some(info) = info.as_object_mut() {
        let configuration = call.registry.configuration().await?;
        let url = call.base_url();
        let host = url.split_once("://").map_or(url.as_str(), |(_, host)| host);
        let restriction = if configuration.users_create_projects {
            "everyone"
        } else {
            "adminonly"
        };
        let provider = call.registry.storage_kind();
        for (name, value) in [
            ("current_time", json!(harbor_time(call.registry.now()))),
            ("registry_url", json!(host)),
            ("external_url", json!(url)),
            ("project_creation_restriction", json!(restriction)),
            ("has_ca_root", json!(false)),
            ("harbor_version", json!(VERSION)),
            ("registry_storage_provider_name", json!(provider)),
            ("read_only", json!(false)),
            ("notification_enable", json!(false)),
        ] {
            info.insert(name.to_owned(), value);
        }
    }
    Ok(Answer::json(&info))
}

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

/// `GET /statistics`: how many projects and repositories there are that the caller may see.
pub(in crate::http) async fn get_statistics(call: Call, _caller: SignedIn) -> Outcome {
    let counts = call.registry.count_everything(call.principal()).await?;
    let (public, private) = (counts.public, counts.private);
    Ok(Answer::json(&json!({
        "public_project_count": public.projects,
        "public_repo_count": public.repositories,
        "private_project_count": private.projects,
        "private_repo_count": private.repositories,
        "total_project_count": public.projects + private.projects,
        "total_repo_count": public.repositories + private.repositories,
        "total_storage_consumption": counts.stored_bytes.unwrap_or(0),
    })))
}
