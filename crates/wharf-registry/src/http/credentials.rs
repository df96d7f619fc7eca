//! Who asks: the credentials of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use super::call::Call;
use super::challenge::unauthorized;
use super::error::HttpError;
use crate::access::{LockedOut, Principal, Requester};
use crate::accounts::{Credentials, SignInError};

/// The cookie of the portal's sessions, by Harbor's name.
pub(super) const SESSION_COOKIE: &str = "sid";

/// Nobody in particular.
pub(super) fn nobody() -> Requester {
    Requester {
        principal: Principal::Anonymous,
        scopes: None,
    }
}

/// Finds out who asks. Credentials that are wrong are an error, also where none are needed: whoever sends them means to be
/// somebody.
pub(super) async fn requester(call: &Call) -> Result<Requester, HttpError> {
    let Some(credentials) = credentials(call)? else {
        return Ok(nobody());
    };
    let is_session = matches!(credentials, Credentials::Session(_));
    match call
        .registry
        .authenticate(credentials, call.peer.ip())
        .await
    {
        Ok(requester) => Ok(requester),
        // An old cookie is not something that anybody typed.
        Err(SignInError::Wrong) if is_session => Ok(nobody()),
        Err(SignInError::Registry(error)) => Err(error.into()),
        Err(SignInError::LockedOut(locked)) => Err(too_many(&locked)),
        Err(error @ SignInError::Wrong) => Err(unauthorized(call, None, &error.to_string(), None)),
        Err(error @ SignInError::Token(_)) => {
            let message = error.to_string();
            Err(unauthorized(call, None, &message, Some("invalid_token")))
        }
    }
}

/// Somebody guesses passwords.
fn too_many(locked: &LockedOut) -> HttpError {
    let error = HttpError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "TOOMANYREQUESTS",
        locked.to_string(),
    );
    error.header(
        RETRY_AFTER,
        HeaderValue::from(locked.retry_after.as_secs().max(1)),
    )
}

/// What the request shows: a header comes before a cookie.
fn credentials(call: &Call) -> Result<Option<Credentials>, HttpError> {
    if let Some(header) = call.headers.get(AUTHORIZATION) {
        let broken = || unauthorized(call, None, "the Authorization header cannot be read", None);
        let text = header.to_str().map_err(|_no_text| broken())?;
        let (scheme, value) = text.split_once(' ').ok_or_else(broken)?;
        return if scheme.eq_ignore_ascii_case("basic") {
            basic(value).map(Some).ok_or_else(broken)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Ok(Some(Credentials::Token(value.trim().to_owned())))
        } else {
            Err(broken())
        };
    }
    // Over /v2 a browser's session may read and no more: the portal does not push, and other sites shall not.
    let is_reading = call.method == Method::GET || call.method == Method::HEAD;
    if call.path.starts_with("/v2") && !is_reading {
        return Ok(None);
    }
    Ok(session_cookie(call).map(|secret| Credentials::Session(secret.to_owned())))
}

fn basic(value: &str) -> Option<Credentials> {
    let decoded = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (name, password) = decoded.split_once(':')?;
    if name.contains('\0') {
        // Nobody is called so, and PostgreSQL would not even look.
        return None;
    }
    Some(Credentials::Password {
        name: name.to_owned(),
        password: password.to_owned(),
    })
}

/// The secret of the session that a browser sends.
pub(super) fn session_cookie(call: &Call) -> Option<&str> {
    let cookies = call.header(&COOKIE)?.split(';').map(str::trim);
    cookies
        .filter_map(|cookie| cookie.split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}
