//! The one table of routes. The dispatch, the test of every route against every role and a foreign object, and the check of
//! the `OpenAPI` document are made from it.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use super::distribution as v2;
use super::error::HttpError;
use super::figures;
use super::health;
use super::management;
use super::path::PathParts;
use super::route::{Route, RouteDescription};
use super::token_service;

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// All routes. Where two match, the first counts.
pub(super) fn table() -> Vec<Route> {
    let mut routes = server();
    routes.extend(distribution());
    routes.extend(management::table());
    routes
}

/// The table as data.
pub fn described() -> Vec<RouteDescription> {
    let routes = table();
    let describe = |route: &Route| RouteDescription {
        method: route.method.to_string(),
        path: route.pattern.text(),
        operation: route.operation,
        requirement: route.requirement,
    };
    routes.iter().map(describe).collect()
}

/// The route of a request and its place in the table, or why there is none.
pub(super) fn find<'a>(
    routes: &'a [Route],
    method: &Method,
    path: &str,
) -> Result<(usize, &'a Route, PathParts), HttpError> {
    let components: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    let mut allowed = Vec::new();
    for (place, route) in routes.iter().enumerate() {
        let Some(named) = route.pattern.matches(&components) else {
            continue;
        };
        if route.method == *method {
            let parts = PathParts::decode(named).map_err(|_bad| {
                HttpError::bad_request("the path has a broken escape, or a slash that is escaped")
            })?;
            return Ok((place, route, parts));
        }
        allowed.push(route.method.as_str());
    }
    if allowed.is_empty() {
        return Err(HttpError::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "there is nothing at this path",
        ));
    }
    let error = HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "UNSUPPORTED",
        format!("{method} does not work here; {} does", allowed.join(", ")),
    );
    Err(match HeaderValue::from_str(&allowed.join(", ")) {
        Ok(methods) => error.header(ALLOW, methods),
        Err(_no_header) => error,
    })
}

/// What is neither protocol nor management.
fn server() -> Vec<Route> {
    vec![
        Route::new(GET, "/livez", "isAlive", health::is_alive),
        Route::new(GET, "/readyz", "isReady", health::is_ready),
        Route::new(GET, "/metrics", "readMetrics", figures::read_metrics),
        Route::new(
            GET,
            "/service/token",
            "issueToken",
            token_service::issue_token,
        ),
        Route::new(
            GET,
            "/service/token/keys",
            "listTokenKeys",
            token_service::list_keys,
        ),
    ]
}

/// The distribution protocol.
fn distribution() -> Vec<Route> {
    let manifest = "/v2/{name*}/manifests/{reference}";
    let blob = "/v2/{name*}/blobs/{digest}";
    let upload = "/v2/{name*}/blobs/uploads/{upload}";
    vec![
        Route::new(GET, "/v2/", "checkVersion", v2::check_version),
        Route::new(HEAD, "/v2/", "checkVersionHead", v2::check_version),
        Route::new(GET, "/v2/_catalog", "listCatalog", v2::list_repositories),
        Route::new(GET, manifest, "getManifest", v2::get_manifest),
        Route::new(HEAD, manifest, "headManifest", v2::get_manifest),
        Route::new(PUT, manifest, "putManifest", v2::put_manifest),
        Route::new(DELETE, manifest, "deleteManifest", v2::delete_manifest),
        Route::new(
            POST,
            "/v2/{name*}/blobs/uploads/",
            "beginUpload",
            v2::begin_upload,
        ),
        Route::new(
            POST,
            "/v2/{name*}/blobs/uploads",
            "beginUploadBare",
            v2::begin_upload,
        ),
        Route::new(GET, upload, "uploadProgress", v2::upload_progress),
        Route::new(PATCH, upload, "appendUpload", v2::append_upload),
        Route::new(PUT, upload, "finishUpload", v2::finish_upload),
        Route::new(DELETE, upload, "cancelUpload", v2::cancel_upload),
        Route::new(GET, blob, "getBlob", v2::get_blob),
        Route::new(HEAD, blob, "headBlob", v2::get_blob),
        Route::new(DELETE, blob, "deleteBlob", v2::delete_blob),
        Route::new(GET, "/v2/{name*}/tags/list", "listTags", v2::list_tags),
        Route::new(
            GET,
            "/v2/{name*}/referrers/{digest}",
            "listReferrers",
            v2::list_referrers,
        ),
    ]
}
