//! Paths of entries, made safe: relative to the layer's root, without `.`, `..` and empty parts.

use crate::limits::{LimitExceeded, Limits, as_u64};

/// Why a path cannot be taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PathFault {
    Escapes,
    Limit(LimitExceeded),
}

/// Writes `name` in clean form into `clean`: components joined by single slashes, none of them
/// empty, `.` or `..`. The root is the empty path.
///
/// As in Docker, an absolute name is one below the layer's root, and `..` takes back the component
/// before it; one that has nothing to take back leads out and is refused.
pub(super) fn clean_path(
    name: &[u8],
    limits: &Limits,
    clean: &mut Vec<u8>,
) -> Result<(), PathFault> {
    clean.clear();
    let mut depth = 0_usize;
    for component in name.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                if depth == 0 {
                    return Err(PathFault::Escapes);
                }
                depth -= 1;
                clean.truncate(split(clean).0.len());
            }
            _ => {
                depth += 1;
                if depth > limits.path_depth {
                    let limit = as_u64(limits.path_depth);
                    return Err(PathFault::Limit(LimitExceeded::PathDepth { limit }));
                }
                push(clean, component);
            }
        }
    }
    if clean.len() > limits.path_bytes {
        let limit = as_u64(limits.path_bytes);
        return Err(PathFault::Limit(LimitExceeded::PathBytes { limit }));
    }
    Ok(())
}

/// The parent and the last component of a clean path; the parent of a top name is the empty path.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (
            path.get(..at).unwrap_or_default(),
            path.get(at + 1..).unwrap_or_default(),
        ),
        None => (&[], path),
    }
}

/// Appends a component to a clean path.
pub(super) fn push(path: &mut Vec<u8>, component: &[u8]) {
    if !path.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(component);
}

/// What of `path` lies below `ancestor`; `None` if it does not lie below it.
pub(super) fn below<'a>(path: &'a [u8], ancestor: &[u8]) -> Option<&'a [u8]> {
    if ancestor.is_empty() {
        return Some(path);
    }
    match path.strip_prefix(ancestor)? {
        [] => Some(&[]),
        [b'/', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(name: &str) -> Result<String, PathFault> {
        let mut clean = Vec::new();
        clean_path(name.as_bytes(), &Limits::default(), &mut clean)?;
        Ok(String::from_utf8(clean).unwrap())
    }

    #[test]
    fn cleans_as_docker_does() {
        for (name, expected) in [
            ("", ""),
            ("/", ""),
            ("./", ""),
            (".", ""),
            ("a", "a"),
            ("./a/", "a"),
            ("/a//b/./c", "a/b/c"),
            ("a/../b", "b"),
            ("a/b/../../c", "c"),
            ("a/..", ""),
            ("...", "..."),
        ] {
            assert_eq!(cleaned(name).as_deref(), Ok(expected), "{name}");
        }
        for name in ["..", "../a", "/..", "a/../../b", "./../a"] {
            assert_eq!(cleaned(name), Err(PathFault::Escapes), "{name}");
        }
        let deep = "a/".repeat(2_049);
        let limit = LimitExceeded::PathDepth { limit: 2_048 };
        assert_eq!(cleaned(&deep), Err(PathFault::Limit(limit)));
    }

    #[test]
    fn below_takes_whole_components() {
        assert_eq!(below(b"a/b/c", b"a/b"), Some(&b"c"[..]));
        assert_eq!(below(b"a/b", b"a/b"), Some(&b""[..]));
        assert_eq!(below(b"a/bc", b"a/b"), None);
        assert_eq!(below(b"a/b", b""), Some(&b"a/b"[..]));
    }
}
