//! Who asks: the credentials of a request.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};

use super::call::Call;
use super::challenge::unauthorized;
use super::error::HttpError;
use crate::access::{LockedOut, Principal, Requester};
use crate::accounts::{Credentials, SignInError, csrf_token};

/// The cookie of the portal's sessions, by Harbor's name.
pub(super) const SESSION_COOKIE: &str = "sid";

/// What shows that a change comes from a page of this registry.
pub(super) const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-harbor-csrf-token");

/// Nobody in particular.
pub(super) fn nobody() -> Requester {
    Requester {
        principal: Principal::Anonymous,
        scopes: None,
    }
}

/// Who asks, and what his browser needs for changes.
pub(super) struct Caller {
    /// Who asks.
    pub(super) requester: Requester,
    /// What a change in this session has to bring; `None` without a session.
    pub(super) csrf_token: Option<String>,
}

/// Finds out who asks. Credentials that are wrong are an error, also where none are needed: whoever sends them means to be
/// somebody.
pub(super) async fn identify(call: &Call) -> Result<Caller, HttpError> {
    let anonymous = Caller {
        requester: nobody(),
        csrf_token: None,
    };
    let Some(credentials) = credentials(call)? else {
        return Ok(anonymous);
    };
    let csrf = match &credentials {
        Credentials::Session(secret) => Some(csrf_token(secret)),
        Credentials::Password { .. } | Credentials::Token(_) => None,
    };
    match call.registry.authenticate(credentials, call.client).await {
        Ok(requester) => {
            check_csrf(call, csrf.as_deref())?;
            Ok(Caller {
                requester,
                csrf_token: csrf,
            })
        }
        // An old cookie is not something that anybody typed.
        Err(SignInError::Wrong) if csrf.is_some() => Ok(anonymous),
        Err(error) => Err(sign_in_error(call, error)),
    }
}

/// What somebody is told who could not be signed in.
pub(super) fn sign_in_error(call: &Call, error: SignInError) -> HttpError {
    match error {
        SignInError::Registry(error) => error.into(),
        SignInError::LockedOut(locked) => too_many(&locked),
        SignInError::Wrong => unauthorized(call, None, &error.to_string(), None),
        SignInError::Token(_) => {
            unauthorized(call, None, &error.to_string(), Some("invalid_token"))
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

/// Sees that a change in a session comes from a page of this registry, and not from another site that the browser shows.
fn check_csrf(call: &Call, token: Option<&str>) -> Result<(), HttpError> {
    let is_safe = call.method == Method::GET || call.method == Method::HEAD;
    match token {
        Some(token) if !is_safe && call.header(&CSRF_TOKEN) != Some(token) => Err(HttpError::new(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "the header X-Harbor-CSRF-Token is missing or wrong: send back what the last answer had",
        )),
        _ => Ok(()),
    }
}

/// What the request shows: a header comes before a cookie.
fn credentials(call: &Call) -> Result<Option<Credentials>, HttpError> {
    if let Some(header) = call.headers.get(AUTHORIZATION) {
        let broken = || unauthorized(call, None, "the Authorization header cannot be read", None);
        let text = header.to_str().map_err(|_no_text| broken())?;
        let (scheme, value) = text.split_once(' ').ok_or_else(broken)?;
        return if scheme.eq_ignore_ascii_case("basic") {
            let credentials = basic(value).ok_or_else(broken)?;
            Ok(Some(credentials).filter(|shown| !is_nobody(call, shown)))
        } else if scheme.eq_ignore_ascii_case("bearer") {
            // A token is for a few repositories. It must not open more, and least of all the way to other tokens.
            if !call.path.starts_with("/v2") && !call.path.starts_with("/v1") {
                let message = "a token is for the distribution protocol only";
                return Err(unauthorized(call, None, message, Some("invalid_token")));
            }
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

/// Whether a browser asks, for somebody who signed in at the portal.
pub(super) fn is_session(call: &Call) -> bool {
    !call.headers.contains_key(AUTHORIZATION) && session_cookie(call).is_some()
}

/// Whether a search shows an empty name and password: dockerd does so over TLS for people who are not logged in (moby
/// `registry/search_session.go`, `authTransport`).
fn is_nobody(call: &Call, shown: &Credentials) -> bool {
    let is_empty = matches!(
        shown,
        Credentials::Password { name, password } if name.is_empty() && password.is_empty()
    );
    is_empty && call.path.starts_with("/v1/")
}

/// Name and password of HTTP's basic scheme.
pub(super) fn basic(value: &str) -> Option<Credentials> {
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
