//! Paths within a tree.

use super::node::{Lookup, NodeKind, TreeError};

/// How many symbolic links one path may lead through, as `BuildKit` has it.
pub const MAXIMUM_LINKS: usize = 255;

/// A path without empty names and `.`, `..` taken away, and no slash at either end: it cannot lead out.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = Vec::new();
    for name in path.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join(&b'/')
}

/// `name` in the directory `path`.
pub fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    match (path.is_empty(), name.is_empty()) {
        (true, _) => name.to_vec(),
        (_, true) => path.to_vec(),
        _ => [path, b"/", name].concat(),
    }
}

/// The directory that a path is in; of the root, the root.
pub fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.get(..end).unwrap_or_default()
}

/// The last name of a path.
pub fn base_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// Follows symbolic links within the tree, as if it were the whole file system. Names that are not there stay as they are.
///
/// # Errors
/// If links lead in a circle, or the tree cannot be read.
pub fn resolve(
    tree: &(impl Lookup + ?Sized),
    path: &[u8],
    follow_last: bool,
) -> Result<Vec<u8>, TreeError> {
    let mut links = 0;
    let mut found: Vec<u8> = Vec::new();
    let mut waiting = names_backwards(path);
    while let Some(name) = waiting.pop() {
        if name == b".." {
            found = parent(&found).to_vec();
            continue;
        }
        let next = join(&found, &name);
        if waiting.is_empty() && !follow_last {
            return Ok(next);
        }
        match tree.node(&next)? {
            Some(node) if node.kind == NodeKind::Symlink => {
                links += 1;
                if links > MAXIMUM_LINKS {
                    return Err(TreeError::Links {
                        path: String::from_utf8_lossy(path).into_owned(),
                    });
                }
                if node.target.starts_with(b"/") {
                    found.clear();
                }
                waiting.extend(names_backwards(&node.target));
            }
            _ => found = next,
        }
    }
    Ok(found)
}

fn names_backwards(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.rsplit(|byte| *byte == b'/');
    names
        .filter(|name| !name.is_empty() && *name != b".")
        .map(<[u8]>::to_vec)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;
    use std::collections::BTreeMap;

    struct Links(BTreeMap<&'static str, &'static str>);

    impl Lookup for Links {
        fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
            let target = self.0.get(std::str::from_utf8(path).unwrap());
            Ok(target.map(|target| Node {
                kind: NodeKind::Symlink,
                target: target.as_bytes().to_vec(),
                ..Node::directory(0o777, 0, 0)
            }))
        }
    }

    #[test]
    fn nothing_leads_out() {
        let tree = Links(BTreeMap::from([
            ("up", "../../.."),
            ("root", "/"),
            ("a/b", "../c"),
            ("bin", "usr/bin"),
            ("loop", "loop"),
        ]));
        for (path, follow, expected) in [
            ("/../../etc", true, "etc"),
            ("up/etc", true, "etc"),
            ("root/x/../y", true, "y"),
            ("a/b/d", true, "c/d"),
            ("a/b", false, "a/b"),
            ("./bin//sh", true, "usr/bin/sh"),
            ("missing/x", true, "missing/x"),
            ("", true, ""),
        ] {
            let found = resolve(&tree, path.as_bytes(), follow).unwrap();
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{path}");
        }
        assert!(matches!(
            resolve(&tree, b"loop/x", true),
            Err(TreeError::Links { .. })
        ));
        assert_eq!(clean(b"/a/../../b/./c/"), b"b/c");
        assert_eq!((parent(b"a/b"), base_name(b"a/b")), (&b"a"[..], &b"b"[..]));
    }
}
