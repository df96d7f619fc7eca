//! What an instruction changes: new files on top of what a stage has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::owner::Owner;
use crate::tree::{FileTree, Lookup, Node, NodeKind, TreeError, base_name, join, parent};

/// What a layer has for names of the layers below that it hides.
const WHITEOUT: &[u8] = b".wh.";

/// A stage with what an instruction puts on it.
#[derive(Debug)]
pub struct Destination<'a> {
    base: Option<&'a dyn FileTree>,
    entries: BTreeMap<Vec<u8>, Box<LayerEntry>>,
    /// Paths whose content in the base is gone.
    hidden: BTreeSet<Vec<u8>>,
    links: u64,
}

/// The files of a layer with their paths, in the order of an archive.
pub type LayerEntries = Vec<(Vec<u8>, Box<LayerEntry>)>;

/// A file of the layer.
#[derive(Debug, Clone)]
pub struct LayerEntry {
    /// What it is.
    pub node: Node,
    /// What it holds.
    pub content: Content,
    /// Files with the same number are one file with several names.
    pub link: Option<u64>,
}

/// What a file holds.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing.
    None,
    /// What a file of a tree holds.
    Tree {
        /// The tree.
        tree: Arc<dyn FileTree>,
        /// The file.
        path: Vec<u8>,
    },
}

/// A file cannot be put where it should be. Texts are `BuildKit`'s where it has some.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A directory where something else is.
    #[error("cannot copy to non-directory: {path}")]
    NotADirectory {
        /// The path.
        path: String,
    },
    /// Something else where a directory is.
    #[error("cannot replace to directory {path} with file")]
    IsADirectory {
        /// The path.
        path: String,
    },
    /// A name that means something else in a layer.
    #[error(
        "{path}: names that begin with .wh. mean removed files in a layer: rename it, or leave it out with .dockerignore"
    )]
    Whiteout {
        /// The path.
        path: String,
    },
    /// The stage cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Lookup for Destination<'_> {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if let Some(entry) = self.entries.get(path) {
            return Ok(Some(entry.node.clone()));
        }
        let Some(base) = self.base.filter(|_| !self.is_hidden(path)) else {
            return Ok(path.is_empty().then(|| Node::directory(0o755, 0, 0)));
        };
        base.node(path)
    }
}

impl<'a> Destination<'a> {
    /// Nothing on top of `base` yet; without one, nothing at all.
    pub fn new(base: Option<&'a dyn FileTree>) -> Self {
        Self {
            base,
            entries: BTreeMap::new(),
            hidden: BTreeSet::new(),
            links: 0,
        }
    }

    /// A number for one more file with several names.
    pub(super) fn new_link(&mut self) -> u64 {
        self.links += 1;
        self.links
    }

    pub(super) fn entry(&self, path: &[u8]) -> Option<&LayerEntry> {
        self.entries.get(path).map(AsRef::as_ref)
    }

    pub(super) fn base(&self) -> Option<&'a dyn FileTree> {
        self.base
    }

    /// Makes a directory, and those that it is in.
    pub(super) fn make_directories(
        &mut self,
        path: &[u8],
        mode: u32,
        owner: Owner,
    ) -> Result<(), PlaceError> {
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut ends: Vec<usize> = ends.map(|(end, _)| end).collect();
        ends.push(path.len());
        for end in ends {
            let path = path.get(..end).unwrap_or_default();
            match self.node(path)? {
                Some(node) if node.is_directory() => {}
                Some(_) => {
                    return Err(PlaceError::NotADirectory { path: shown(path) });
                }
                None => self.insert(
                    path,
                    LayerEntry {
                        node: Node::directory(mode, owner.user, owner.group),
                        content: Content::None,
                        link: None,
                    },
                )?,
            }
        }
        Ok(())
    }

    /// Puts something there. Whoever calls has looked at what is there.
    pub(super) fn insert(&mut self, path: &[u8], entry: LayerEntry) -> Result<(), PlaceError> {
        if base_name(path).starts_with(WHITEOUT) {
            return Err(PlaceError::Whiteout { path: shown(path) });
        }
        self.entries.insert(path.to_vec(), Box::new(entry));
        Ok(())
    }

    /// Takes away what is there, with everything below it.
    pub(super) fn remove(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        let gone: Vec<Vec<u8>> = self
            .entries
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.entries.remove(&path);
        }
        self.entries.remove(path);
        self.hidden.insert(path.to_vec());
    }

    fn is_hidden(&self, path: &[u8]) -> bool {
        if self.hidden.is_empty() {
            return false;
        }
        let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        ends.map(|(end, _)| end).chain([path.len()]).any(|end| {
            path.get(..end)
                .is_some_and(|path| self.hidden.contains(path))
        })
    }

    /// The layer's files in the order of their names' bytes, the directories that they are in included, with what those are
    /// like in the base: a layer that leaves them out would make them root's.
    ///
    /// # Errors
    /// If the base cannot be read.
    pub fn into_entries(mut self) -> Result<LayerEntries, PlaceError> {
        let mut missing = BTreeMap::new();
        for path in self.entries.keys() {
            let mut above = parent(path);
            while !above.is_empty()
                && !self.entries.contains_key(above)
                && !missing.contains_key(above)
            {
                let known = self
                    .base
                    .map(|base| base.node(above))
                    .transpose()?
                    .flatten();
                let node = known.unwrap_or_else(|| Node::directory(0o755, 0, 0));
                missing.insert(
                    above.to_vec(),
                    Box::new(LayerEntry {
                        node,
                        content: Content::None,
                        link: None,
                    }),
                );
                above = parent(above);
            }
        }
        self.entries.append(&mut missing);
        self.add_whiteouts()?;
        let mut entries: Vec<_> = self.entries.into_iter().collect();
        entries.sort_unstable_by(|(one, first), (other, second)| {
            let slash = |entry: &LayerEntry| entry.node.is_directory().then_some(b'/');
            let one = one.iter().copied().chain(slash(first));
            one.cmp(other.iter().copied().chain(slash(second)))
        });
        Ok(entries)
    }

    /// A directory that takes the place of one of the base hides each name of that.
    fn add_whiteouts(&mut self) -> Result<(), TreeError> {
        let Some(base) = self.base else {
            return Ok(());
        };
        for path in &self.hidden {
            let is_directory = |node: Node| node.is_directory();
            if !self
                .entries
                .get(path)
                .is_some_and(|entry| entry.node.is_directory())
                || !base.node(path)?.is_some_and(is_directory)
            {
                continue;
            }
            for (name, _) in base.children(path)? {
                if !self.entries.contains_key(&join(path, &name)) {
                    let whiteout = join(path, &[WHITEOUT, &name].concat());
                    let entry = LayerEntry {
                        node: Node::file(0, 0, None),
                        content: Content::None,
                        link: None,
                    };
                    self.entries.insert(whiteout, Box::new(entry));
                }
            }
        }
        Ok(())
    }
}

impl LayerEntry {
    /// Whether it has content to be read.
    pub fn is_file(&self) -> bool {
        self.node.kind == NodeKind::File
    }
}

pub(super) fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}
