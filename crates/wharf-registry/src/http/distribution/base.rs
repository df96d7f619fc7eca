//! `GET /v2/` (end-1): whether this is a registry, and whether the caller's credentials are good.

use http::HeaderName;
use serde_json::json;

use crate::http::admission::SignedIn;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;

/// `Docker-Distribution-API-Version`, which old Docker clients look for.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// Answers who is known; others are told how to become known.
pub(in crate::http) async fn check_version(_call: Call, _caller: SignedIn) -> Outcome {
    Ok(Answer::json(&json!({})).static_header(API_VERSION, "registry/2.0"))
}
