//! What a browser gets that asks for a page.

use std::sync::LazyLock;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderMap, StatusCode};

use super::file::File;
use super::files::FILES;
use crate::http::answer::Answer;
use crate::http::body::Body;

/// The page that finds out from its address what to show.
const INDEX: &str = "/index.html";
/// Below these, an address that nothing stands at is a mistake, and no page of the portal.
const NO_PAGES: [&str; 5] = ["/api/", "/v2/", "/c/", "/service/", "/assets/"];

/// The portal loads nothing from other hosts, runs no script that stands in a page, and stands in no other site's frame.
/// Its widgets write their styles into the page.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
     base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static PORTAL: LazyLock<Vec<File>> = LazyLock::new(|| {
    let files = FILES.iter();
    files
        .map(|(path, content)| File::new(path, content))
        .collect()
});

/// The answer to a GET or HEAD that no route takes; `None` if the portal has nothing for it either. Only who accepts HTML, and
/// so is a browser that shows a page, gets one.
pub(in crate::http) fn answer(path: &str, headers: &HeaderMap) -> Option<Answer> {
    let file = find(path).or_else(|| {
        let is_page = !NO_PAGES.iter().any(|prefix| path.starts_with(prefix));
        (is_page && lists(headers, &ACCEPT, "text/html")).then(|| find(INDEX))?
    })?;
    let compressed = lists(headers, &ACCEPT_ENCODING, "gzip")
        .then(|| file.gzip())
        .flatten();
    let etag = file.etag(compressed.is_some());
    if lists(headers, &IF_NONE_MATCH, &etag) {
        return Some(describe(Answer::new(StatusCode::NOT_MODIFIED), file, &etag));
    }
    let answer = describe(Answer::new(StatusCode::OK), file, &etag)
        .static_header(CONTENT_TYPE, file.content_type());
    Some(match compressed {
        Some(bytes) => answer
            .static_header(CONTENT_ENCODING, "gzip")
            .body(Body::whole(bytes)),
        None => answer.body(Body::whole(file.content())),
    })
}

fn find(path: &str) -> Option<&'static File> {
    PORTAL.iter().find(|file| file.path == path)
}

/// What is said about a file whether or not it is sent.
fn describe(answer: Answer, file: &File, etag: &str) -> Answer {
    answer
        .header(ETAG, etag)
        .static_header(CACHE_CONTROL, file.cache_control())
        .static_header(VARY, "Accept, Accept-Encoding")
        .static_header(CONTENT_SECURITY_POLICY, POLICY)
        .static_header(X_CONTENT_TYPE_OPTIONS, "nosniff")
        .static_header(X_FRAME_OPTIONS, "DENY")
        .static_header(REFERRER_POLICY, "same-origin")
}

/// Whether a header is a list with `wanted` in it, and not refused by a weight of zero.
fn lists(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let values = headers.get_all(name).iter();
    let mut members = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    members.any(|member| {
        let mut parts = member.split(';').map(str::trim);
        let is_it = parts
            .next()
            .is_some_and(|value| value.strip_prefix("W/").unwrap_or(value) == wanted);
        let refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").map(str::parse::<f32>);
            matches!(weight, Some(Ok(weight)) if weight <= 0.0)
        });
        is_it && !refused
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use http::HeaderValue;
    use http::Response;
    use hyper::body::Body as _;

    use super::*;

    const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

    fn get(path: &str, headers: &[(HeaderName, &str)]) -> Option<Response<Body>> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        answer(path, &headers).map(Answer::into_response)
    }

    fn header(response: &Response<Body>, name: HeaderName) -> &str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    fn script() -> &'static File {
        PORTAL
            .iter()
            .find(|file| file.path.contains("vendor"))
            .unwrap()
    }

    #[test]
    fn a_browser_gets_the_page_at_every_address_of_the_portal() {
        for path in [
            "/",
            "/index.html",
            "/projects/library/repositories/a.b/c@sha256:00",
            "/sign-in",
        ] {
            let response = get(path, &[(ACCEPT, BROWSER)]).unwrap();
            assert_eq!(
                header(&response, CONTENT_TYPE),
                "text/html; charset=utf-8",
                "{path}"
            );
            assert_eq!(header(&response, CACHE_CONTROL), "no-cache", "{path}");
            let policy = header(&response, CONTENT_SECURITY_POLICY);
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(
                header(&response, X_CONTENT_TYPE_OPTIONS),
                "nosniff",
                "{path}"
            );
        }
    }

    #[test]
    fn what_is_no_page_is_not_answered() {
        for path in [
            "/api/v2.0/nothing",
            "/v2/nothing/here",
            "/assets/old.js",
            "/c/other",
        ] {
            assert!(get(path, &[(ACCEPT, BROWSER)]).is_none(), "{path}");
        }
        for accept in ["*/*", "application/json", "text/html;q=0"] {
            assert!(get("/projects", &[(ACCEPT, accept)]).is_none(), "{accept}");
        }
    }

    #[test]
    fn a_hashed_file_is_kept_for_ever_and_sent_compressed_to_who_can_read_it() {
        let path = script().path;
        let plain = get(path, &[]).unwrap();
        assert!(header(&plain, CACHE_CONTROL).ends_with("immutable"));
        assert_eq!(header(&plain, CONTENT_ENCODING), "");
        let gzip = get(path, &[(ACCEPT_ENCODING, "br, gzip;q=0.5")]).unwrap();
        assert_eq!(header(&gzip, CONTENT_ENCODING), "gzip");
        let size = |response: &Response<Body>| response.body().size_hint().exact().unwrap();
        assert!(size(&gzip) * 2 < size(&plain));
        assert_ne!(header(&gzip, ETAG), header(&plain, ETAG));
        let refusing = get(path, &[(ACCEPT_ENCODING, "gzip;q=0")]).unwrap();
        assert_eq!(header(&refusing, CONTENT_ENCODING), "");
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let first = get("/", &[(ACCEPT, BROWSER)]).unwrap();
        let etag = header(&first, ETAG).to_owned();
        for known in [etag.clone(), format!("\"old\", W/{etag}")] {
            let again = get("/", &[(ACCEPT, BROWSER), (IF_NONE_MATCH, &known)]).unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(header(&again, ETAG), etag);
            assert!(again.body().is_end_stream());
        }
        let other = get("/", &[(ACCEPT, BROWSER), (IF_NONE_MATCH, "\"old\"")]).unwrap();
        assert_eq!(other.status(), StatusCode::OK);
    }

    #[test]
    fn every_file_that_the_page_names_is_there_with_a_type() {
        let index = String::from_utf8(find(INDEX).unwrap().content().to_vec()).unwrap();
        let named: Vec<&str> = index
            .split('"')
            .filter(|text| text.starts_with('/'))
            .collect();
        assert!(named.len() >= 3, "{index}");
        for path in named {
            assert!(find(path).is_some(), "{path}");
        }
        for file in PORTAL.iter() {
            assert_ne!(
                file.content_type(),
                "application/octet-stream",
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn the_list_is_what_is_in_the_folder() {
        let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ui/dist");
        let mut there = BTreeSet::new();
        for (folder, prefix) in [(dist.clone(), "/"), (dist.join("assets"), "/assets/")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    there.insert(format!("{prefix}{}", entry.file_name().to_str().unwrap()));
                }
            }
        }
        let listed: BTreeSet<String> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, there, "run `cargo xtask portal build`");
    }
}
