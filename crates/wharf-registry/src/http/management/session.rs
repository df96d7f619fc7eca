//! Sessions of browsers, at Harbor's paths.

use http::StatusCode;
use http::header::{HOST, HeaderName, ORIGIN, SET_COOKIE};

use crate::accounts::{Credentials, SignInError, csrf_token};
use crate::http::admission::Everybody;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::credentials::{CSRF_TOKEN, SESSION_COOKIE, session_cookie, sign_in_error};
use crate::http::error::HttpError;
use crate::http::query::Query;

/// Longest form, in bytes.
const FORM_LIMIT_BYTES: usize = 16 << 10;
/// Where a browser says that a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// `POST /c/login`, a form with `principal` and `password`: begins a session.
pub(in crate::http) async fn sign_in(call: Call, _caller: Everybody) -> Outcome {
    refuse_other_sites(&call)?;
    let too_large = || HttpError::bad_request("the form is too long");
    let body = call.whole_body(FORM_LIMIT_BYTES, too_large).await?;
    let form = std::str::from_utf8(&body).ok().and_then(Query::parse);
    let form = form.ok_or_else(|| HttpError::bad_request("the body is no form"))?;
    let field = |name| form.get(name).unwrap_or_default().to_owned();
    let credentials = Credentials::Password {
        name: field("principal"),
        password: field("password"),
    };
    let client = call.client;
    let session = async {
        let requester = call.registry.authenticate(credentials, client).await?;
        call.registry.begin_session(&requester.principal).await
    };
    let session = session
        .await
        .map_err(|error: SignInError| sign_in_error(&call, error))?;
    if let Some(old) = session_cookie(&call) {
        call.registry.end_session(old).await?;
    }
    Ok(Answer::new(StatusCode::OK)
        .header(CSRF_TOKEN, csrf_token(&session.secret))
        .header(
            SET_COOKIE,
            cookie(&call, &session.secret, session.lifetime_seconds),
        ))
}

/// `GET /c/log_out`: ends the session. Other sites cannot: the browser does not send them the cookie.
pub(in crate::http) async fn sign_out(call: Call, _caller: Everybody) -> Outcome {
    if let Some(secret) = session_cookie(&call) {
        call.registry.end_session(secret).await?;
    }
    Ok(Answer::new(StatusCode::OK).header(SET_COOKIE, cookie(&call, "", 0)))
}

fn cookie(call: &Call, secret: &str, seconds: i64) -> String {
    let secure = if call.base_url().starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    format!(
        "{SESSION_COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    )
}

/// Another site could sign somebody in as somebody else, who then pushes or types secrets into a foreign account.
fn refuse_other_sites(call: &Call) -> Result<(), HttpError> {
    let is_cross_site = call
        .header(&SEC_FETCH_SITE)
        .is_some_and(|site| site == "cross-site");
    let host = call.header(&HOST).unwrap_or_default();
    let is_other_origin = call.header(&ORIGIN).is_some_and(|origin| {
        let origin_host = origin.split_once("://").map_or(origin, |(_, host)| host);
        origin_host != host && !call.base_url().ends_with(&format!("//{origin_host}"))
    });
    if is_cross_site || is_other_origin {
        return Err(HttpError::new(
            StatusCode::FORBIDDEN,
            "FORBIDDEN",
            "signing in works from the registry's own pages only",
        ));
    }
    Ok(())
}
