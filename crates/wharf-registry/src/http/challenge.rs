//! How a caller is told to sign in, or that it is no use.

use http::StatusCode;
use http::header::{HeaderValue, WWW_AUTHENTICATE};

use super::call::Call;
use super::error::HttpError;
use crate::access::{Action, Permission};
use crate::accounts::SERVICE;

/// Nobody is signed in, and somebody has to be.
pub(super) fn not_signed_in(call: &Call, wanted: Option<Permission>) -> HttpError {
    unauthorized(call, wanted, "authentication is required", None)
}

/// The token is good, but not for this.
pub(super) fn insufficient_scope(call: &Call, wanted: Permission) -> HttpError {
    let message = "the token was not made for this";
    unauthorized(call, Some(wanted), message, Some("insufficient_scope"))
}

/// Somebody tried to sign in, in vain. `error` is RFC 6750's word for it, where a token was tried.
pub(super) fn unauthorized(
    call: &Call,
    wanted: Option<Permission>,
    message: &str,
    error: Option<&str>,
) -> HttpError {
    let refusal = HttpError::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message);
    let challenge = if call.path.starts_with("/v2") {
        bearer(call, wanted, error)
    } else if call
        .header(&http::header::USER_AGENT)
        .is_some_and(|agent| agent.starts_with("Mozilla/"))
    {
        // A browser would open a window of its own over the portal's.
        return refusal;
    } else {
        "Basic realm=\"wharf-registry\", charset=\"UTF-8\"".to_owned()
    };
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => refusal.header(WWW_AUTHENTICATE, challenge),
        Err(_no_header) => refusal,
    }
}

/// Docker's token protocol: where to get a token, and for what.
fn bearer(call: &Call, wanted: Option<Permission>, error: Option<&str>) -> String {
    let mut challenge = format!(
        "Bearer realm=\"{}/service/token\",service=\"{SERVICE}\"",
        call.base_url()
    );
    let name = call.parts.get("name");
    if let Some(permission) = wanted
        && !name.is_empty()
    {
        let actions = match permission.action {
            Action::Push => "pull,push",
            Action::Delete => "delete",
            _ => "pull",
        };
        challenge = format!("{challenge},scope=\"repository:{name}:{actions}\"");
    } else if call.path == "/v2/_catalog" {
        challenge.push_str(",scope=\"registry:catalog:*\"");
    }
    if let Some(error) = error {
        challenge = format!("{challenge},error=\"{error}\"");
    }
    challenge
}

/// Somebody is signed in and is no administrator.
pub(super) fn administrators_only() -> HttpError {
    HttpError::new(
        StatusCode::FORBIDDEN,
        "FORBIDDEN",
        "only administrators of the system may do this",
    )
}

/// Somebody is signed in and may not.
pub(super) fn denied(permission: Permission) -> HttpError {
    HttpError::new(
        StatusCode::FORBIDDEN,
        "DENIED",
        format!("requested access to the resource is denied: {permission} is needed"),
    )
}
