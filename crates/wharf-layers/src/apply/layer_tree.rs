//! What is remembered about a layer until it is complete.
//!
//! Directories, whose times are set last; symbolic links, so that paths through them are resolved
//! here, within the layer, and never by the kernel; and names that were whited out. All of it
//! follows from the archive alone: a resumed run that reads the entries before its checkpoint again
//! without touching the disk ends up with the same.
//!
//! Paths here are canonical: clean, and no parent of them is a symbolic link.

use std::collections::{BTreeMap, HashSet};

use super::metadata::Times;
use super::path::{below, push, split};
use crate::limits::{LimitExceeded, Limits, as_u64};

/// As many links as Linux and Docker follow before they give up, generously.
const LINKS_LIMIT: usize = 255;

/// What an entry costs besides its path, roughly.
const NODE_BYTES: usize = 96;

/// What is to be done to a directory when the layer is complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct DirectoryRecord {
    pub(super) times: Times,
    /// The whole mode if it must be set last, since it would be inherited by what is created in the
    /// directory: set-group-ID.
    pub(super) final_mode: Option<u32>,
}

#[derive(Debug)]
enum Node {
    Directory(DirectoryRecord),
    Symlink(Box<[u8]>),
}

/// Why a path does not resolve.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ResolveFault {
    /// Links lead in circles.
    Loop,
    Limit(LimitExceeded),
}

/// See the module's comment.
#[derive(Debug)]
pub(super) struct LayerTree {
    nodes: BTreeMap<Box<[u8]>, Node>,
    symlinks: usize,
    whiteouts: HashSet<Box<[u8]>>,
    memory_bytes: usize,
    limits: Limits,
}

impl LayerTree {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            nodes: BTreeMap::new(),
            symlinks: 0,
            whiteouts: HashSet::new(),
            memory_bytes: 0,
            limits: limits.clone(),
        }
    }

    /// Writes the canonical form of the clean path `path` into `resolved`, following every
    /// symbolic link within the layer: absolute targets begin at its root, and `..` stops there.
    /// This is how Docker (by chroot), containerd and umoci see such paths.
    pub(super) fn resolve(&self, path: &[u8], resolved: &mut Vec<u8>) -> Result<(), ResolveFault> {
        resolved.clear();
        if self.symlinks == 0 {
            resolved.extend_from_slice(path);
            return Ok(());
        }
        // The components that are still to be walked, the next one last.
        let mut ahead: Vec<&[u8]> = components(path).rev().collect();
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            match component {
                b"" | b"." => {}
                b".." => resolved.truncate(split(resolved).0.len()),
                _ => {
                    let parent_bytes = resolved.len();
                    push(resolved, component);
                    let Some(Node::Symlink(target)) = self.nodes.get(resolved.as_slice()) else {
                        continue;
                    };
                    links += 1;
                    if links > LINKS_LIMIT {
                        return Err(ResolveFault::Loop);
                    }
                    let start = if target.starts_with(b"/") {
                        0
                    } else {
                        parent_bytes
                    };
                    resolved.truncate(start);
                    ahead.extend(components(target).rev());
                }
            }
            if resolved.len() > self.limits.path_bytes {
                let limit = as_u64(self.limits.path_bytes);
                return Err(ResolveFault::Limit(LimitExceeded::PathBytes { limit }));
            }
        }
        Ok(())
    }

    /// Whether `path` is a directory of the layer; the root is.
    pub(super) fn is_directory(&self, path: &[u8]) -> bool {
        path.is_empty() || matches!(self.nodes.get(path), Some(Node::Directory(_)))
    }

    /// The target of the symbolic link at `path`.
    pub(super) fn link_target(&self, path: &[u8]) -> Option<&[u8]> {
        match self.nodes.get(path) {
            Some(Node::Symlink(target)) => Some(target),
            _ => None,
        }
    }

    /// Takes `path` for a directory; what it was before is forgotten, but not what is in it.
    pub(super) fn insert_directory(
        &mut self,
        path: &[u8],
        record: DirectoryRecord,
    ) -> Result<(), LimitExceeded> {
        self.insert(path, Node::Directory(record), path.len())
    }

    /// Takes `path` for a symbolic link to `target`.
    pub(super) fn insert_symlink(
        &mut self,
        path: &[u8],
        target: &[u8],
    ) -> Result<(), LimitExceeded> {
        self.insert(
            path,
            Node::Symlink(target.into()),
            path.len() + target.len(),
        )?;
        self.symlinks += 1;
        Ok(())
    }

    /// Notes that the layer hides `path` of the layers below it.
    pub(super) fn insert_whiteout(&mut self, path: &[u8]) -> Result<(), LimitExceeded> {
        if self.whiteouts.insert(path.into()) {
            self.count_memory(path.len())?;
        }
        Ok(())
    }

    /// Whether the layer hides `path` of the layers below it, whatever else it puts there.
    pub(super) fn is_whiteout(&self, path: &[u8]) -> bool {
        !self.whiteouts.is_empty() && self.whiteouts.contains(path)
    }

    /// Forgets `path` and everything below it, since something else takes its place. Returns
    /// whether paths may resolve otherwise from now on.
    pub(super) fn remove(&mut self, path: &[u8]) -> bool {
        match self.nodes.remove(path) {
            None => return false,
            Some(Node::Symlink(_)) => self.symlinks -= 1,
            Some(Node::Directory(_)) => {
                let inside = [path, b"/"].concat();
                let doomed: Vec<Box<[u8]>> = self
                    .nodes
                    .range(inside.into_boxed_slice()..)
                    .map(|(path, _)| path)
                    .take_while(|other| below(other, path).is_some())
                    .cloned()
                    .collect();
                for path in doomed {
                    if let Some(Node::Symlink(_)) = self.nodes.remove(&path) {
                        self.symlinks -= 1;
                    }
                }
            }
        }
        true
    }

    /// All directories but the root, children before their parents.
    pub(super) fn directories(&self) -> impl Iterator<Item = (&[u8], &DirectoryRecord)> {
        // A parent sorts before its children, being a prefix of them.
        self.nodes
            .iter()
            .rev()
            .filter_map(|(path, node)| match node {
                Node::Directory(record) => Some((&**path, record)),
                Node::Symlink(_) => None,
            })
    }

    fn insert(&mut self, path: &[u8], node: Node, bytes: usize) -> Result<(), LimitExceeded> {
        if let Some(old) = self.nodes.get_mut(path) {
            if matches!(old, Node::Symlink(_)) {
                self.symlinks -= 1;
            }
            *old = node;
            return Ok(());
        }
        self.nodes.insert(path.into(), node);
        self.count_memory(bytes)
    }

    /// Counts what is kept about an entry, here or beside this tree. Memory that is freed again is
    /// not counted back: this is a limit, not a meter.
    pub(super) fn count_memory(&mut self, bytes: usize) -> Result<(), LimitExceeded> {
        self.memory_bytes += bytes + NODE_BYTES;
        if self.memory_bytes > self.limits.memory_bytes {
            let limit = as_u64(self.limits.memory_bytes);
            return Err(LimitExceeded::MemoryBytes { limit });
        }
        Ok(())
    }
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/')
}

#[cfg(test)]
mod tests {
    use super::super::path::clean_path;
    use super::*;

    fn resolved(tree: &LayerTree, name: &str) -> Result<String, ResolveFault> {
        let (mut clean, mut path) = (Vec::new(), Vec::new());
        clean_path(name.as_bytes(), &Limits::default(), &mut clean).unwrap();
        tree.resolve(&clean, &mut path)?;
        Ok(String::from_utf8(path).unwrap())
    }

    #[test]
    fn links_are_followed_within_the_layer() {
        let mut tree = LayerTree::new(&Limits::default());
        for (path, target) in [
            ("bin", "usr/bin"),
            ("etc/mnt", "/srv"),
            ("srv", "../../../var/srv"),
            ("loop", "loop"),
            ("a/b", ".."),
        ] {
            tree.insert_symlink(path.as_bytes(), target.as_bytes())
                .unwrap();
        }
        for (name, expected) in [
            ("bin/sh", "usr/bin/sh"),
            ("bin", "usr/bin"),
            ("etc/mnt/x", "var/srv/x"),
            ("a/b/bin/x", "usr/bin/x"),
            ("other/bin", "other/bin"),
        ] {
            assert_eq!(resolved(&tree, name).as_deref(), Ok(expected), "{name}");
        }
        assert_eq!(resolved(&tree, "loop/x"), Err(ResolveFault::Loop));
        assert!(tree.remove(b"bin"));
        assert_eq!(resolved(&tree, "bin/sh").as_deref(), Ok("bin/sh"));
    }

    #[test]
    fn removing_a_directory_forgets_what_is_in_it_and_no_more() {
        let record = DirectoryRecord {
            times: Times::of(&crate::Entry::default()),
            final_mode: None,
        };
        let mut tree = LayerTree::new(&Limits::default());
        for path in ["a", "a-b", "a/c", "a/c/d", "ab"] {
            tree.insert_directory(path.as_bytes(), record).unwrap();
        }
        tree.insert_symlink(b"a/l", b"x").unwrap();
        assert!(tree.remove(b"a"));
        let left: Vec<_> = tree.directories().map(|(path, _)| path.to_vec()).collect();
        assert_eq!(left, [b"ab".to_vec(), b"a-b".to_vec()]);
        assert_eq!(tree.symlinks, 0);
    }
}
