//! What stands in the head of a request to the registry: path and query, ranges, and name and password.

use wharf_registry::http::fuzzing::{
    Routed, basic_credentials, content_range, encode, range, route,
};
use wharf_registry::repositories::RepositoryName;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
const PARAMETERS_LIMIT: usize = 256;
/// The length of a blob of which ranges are asked.
const BLOB_BYTES: u64 = 1000;

/// Takes the first line for a path and a query, and each further one for the value of a header.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let target = lines.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    for method in METHODS {
        if let Some(routed) = route(method, path, query) {
            check_routed(method, path, &routed);
        }
    }
    lines.for_each(check_header);
}

fn check_routed(method: &str, path: &str, routed: &Routed) {
    for (part, value) in &routed.parts {
        // `/v2//tags/list` is about the repository "", whose name is refused.
        let has_many = *part == "name";
        let is_one = !value.is_empty() && !value.contains('/');
        assert!((has_many || is_one) && !value.contains('\0'), "{routed:?}");
        if has_many && let Ok(name) = RepositoryName::parse(value) {
            let inside = name
                .as_str()
                .split('/')
                .all(|part| !part.is_empty() && part != "..");
            assert!(inside && name.as_str().ends_with(value.as_str()), "{name}");
        }
    }
    assert!(routed.parameters.len() <= PARAMETERS_LIMIT);
    let written: Vec<String> = routed
        .parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let again = route(method, path, &written.join("&"));
    assert_eq!(
        again.as_ref(),
        Some(routed),
        "what is written is read again"
    );
    // A proxy may write a path in another way.
    let encoded = path.replace('~', "%7E").replace(':', "%3A");
    assert_eq!(
        route(method, &encoded, &written.join("&")).as_ref(),
        Some(routed)
    );
}

fn check_header(value: &str) {
    for size in [0, 1, BLOB_BYTES, u64::MAX] {
        if let Some(part) = range(value, size) {
            assert!(
                part.start < part.end && part.end <= size,
                "{part:?} of {size}"
            );
        }
    }
    if let Some((first, last, length)) = content_range(value) {
        assert!(first <= last && length > 0, "{first}-{last} has {length}");
    }
    if let Some((name, password)) = basic_credentials(value) {
        assert!(!name.contains([':', '\0']), "{name:?}");
        assert!(name.len() + password.len() < value.len());
    }
}
