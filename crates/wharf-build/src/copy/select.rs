//! Which files of a tree a source means.

use std::sync::Arc;

use crate::ignore::{Glob, ParentMatches, PatternMatcher};
use crate::tree::{FileTree, Node, NodeKind, TreeError, base_name, clean, join, resolve};

/// How many files one instruction may take.
const MAXIMUM_ITEMS: usize = 5_000_000;

/// Which of the files below a source are taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filters<'a> {
    /// Only those that match, with the directories that they are in: `--parents`.
    pub include: Option<&'a PatternMatcher>,
    /// None of those that match: `--exclude`.
    pub exclude: Option<&'a PatternMatcher>,
}

/// One source: a file, or a directory with what is in it.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The tree that it is in.
    pub tree: Arc<dyn FileTree>,
    /// What it is called, if it is a file: the last name of what was written.
    pub name: Vec<u8>,
    /// Where it is in the tree.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// What is below it, directories before what is in them.
    pub items: Vec<Item>,
}

/// A file below a source.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its path below the source.
    pub path: Vec<u8>,
    /// What it is.
    pub node: Node,
    /// A directory that is only there for what is in it: one at the destination stays as it is.
    pub is_implied: bool,
}

/// A source means nothing.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// It is not there. The text is `BuildKit`'s.
    #[error("{path:?}: not found{}", hint(ignored.as_ref()))]
    NotFound {
        /// As an absolute path of the tree.
        path: String,
        /// The line and pattern of `.dockerignore` that hides it.
        ignored: Option<(usize, String)>,
    },
    /// More files than a build may have.
    #[error("more than {MAXIMUM_ITEMS} files are copied at once")]
    TooMany,
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn hint(ignored: Option<&(usize, String)>) -> String {
    ignored.map_or_else(String::new, |(line, pattern)| {
        format!(" (line {line} of .dockerignore takes it out of the context: {pattern})")
    })
}

/// What a source means in a tree: one file or directory, or whatever a pattern matches. A pattern may match nothing.
///
/// # Errors
/// If a source without a pattern is not there, or the tree cannot be read.
pub fn select(
    tree: &Arc<dyn FileTree>,
    source: &str,
    filters: Filters<'_>,
) -> Result<Vec<Selected>, SelectError> {
    let source = clean(source.as_bytes());
    let mut selected = Vec::new();
    for matched in matches(tree.as_ref(), &source)? {
        let path = resolve(tree.as_ref(), &matched, true)?;
        let Some(node) = tree.node(&path)? else {
            return Err(SelectError::NotFound {
                path: format!("/{}", String::from_utf8_lossy(&matched)),
                ignored: hidden_by(tree.as_ref(), &path),
            });
        };
        let mut walk = Walk {
            tree: tree.as_ref(),
            filters,
            waiting: Vec::new(),
            items: Vec::new(),
        };
        if node.is_directory() {
            let matches = Matches::default();
            walk.directory(&path, b"", &matches)?;
        }
        selected.push(Selected {
            tree: Arc::clone(tree),
            name: base_name(&matched).to_vec(),
            path,
            node,
            items: walk.items,
        });
    }
    Ok(selected)
}

/// The pattern that hides a path, or one of the directories that it is in.
fn hidden_by(tree: &dyn FileTree, path: &[u8]) -> Option<(usize, String)> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut ends: Vec<usize> = ends.map(|(end, _)| end).collect();
    ends.push(path.len());
    ends.into_iter()
        .find_map(|end| tree.ignored_by(path.get(..end)?))
}

/// The paths that a source means.
fn matches(tree: &dyn FileTree, source: &[u8]) -> Result<Vec<Vec<u8>>, TreeError> {
    let names: Vec<&[u8]> = source.split(|byte| *byte == b'/').collect();
    let Some(first) = names.iter().position(|name| has_wildcards(name)) else {
        return Ok(vec![source.to_vec()]);
    };
    let fixed = names.get(..first).unwrap_or_default().join(&b'/');
    let mut found = vec![resolve(tree, &fixed, true)?];
    let patterns = names.get(first..).unwrap_or_default();
    for (depth, pattern) in patterns.iter().enumerate() {
        let text = String::from_utf8_lossy(pattern);
        let Ok(glob) = Glob::parse(&text) else {
            return Ok(Vec::new());
        };
        let is_last = depth + 1 == patterns.len();
        let mut following = Vec::new();
        for folder in found {
            if tree.node(&folder)?.is_none_or(|node| !node.is_directory()) {
                continue;
            }
            for (name, node) in tree.children(&folder)? {
                let fits = glob.matches(&String::from_utf8_lossy(&name));
                if fits && (is_last || node.is_directory()) {
                    following.push(join(&folder, &name));
                }
            }
        }
        found = following;
    }
    Ok(found)
}

/// Whether a name has characters of a pattern.
pub(super) fn has_wildcards(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

#[derive(Debug, Clone, Default)]
struct Matches {
    include: ParentMatches,
    exclude: ParentMatches,
}

struct Walk<'a> {
    tree: &'a dyn FileTree,
    filters: Filters<'a>,
    /// Directories that are taken if something in them is.
    waiting: Vec<Item>,
    items: Vec<Item>,
}

impl Walk<'_> {
    fn directory(&mut self, path: &[u8], below: &[u8], known: &Matches) -> Result<(), SelectError> {
        for (name, node) in self.tree.children(path)? {
            if node.kind == NodeKind::Socket {
                continue;
            }
            let below = join(below, &name);
            let (taken, matches) = self.is_taken(&below, known);
            let item = Item {
                path: below.clone(),
                is_implied: false,
                node,
            };
            if !item.node.is_directory() {
                if taken {
                    self.take(item)?;
                }
                continue;
            }
            let depth = self.waiting.len();
            let may_hold_more = self.filters.include.is_some()
                || self.filters.exclude.is_some_and(PatternMatcher::takes_back);
            if taken {
                self.take(item)?;
            } else if may_hold_more {
                self.waiting.push(Item {
                    is_implied: true,
                    ..item
                });
            } else {
                continue;
            }
            self.directory(&join(path, &name), &below, &matches)?;
            self.waiting.truncate(depth);
        }
        Ok(())
    }

    fn take(&mut self, item: Item) -> Result<(), SelectError> {
        self.items.append(&mut self.waiting);
        if self.items.len() >= MAXIMUM_ITEMS {
            return Err(SelectError::TooMany);
        }
        self.items.push(item);
        Ok(())
    }

    fn is_taken(&self, below: &[u8], known: &Matches) -> (bool, Matches) {
        let mut matches = Matches::default();
        if self.filters.include.is_none() && self.filters.exclude.is_none() {
            return (true, matches);
        }
        let text = String::from_utf8_lossy(below);
        let mut taken = true;
        if let Some(include) = self.filters.include {
            let (deciding, found) = include.matches_within(&text, &known.include);
            taken = deciding.is_some();
            matches.include = found;
        }
        if let Some(exclude) = self.filters.exclude {
            let (deciding, found) = exclude.matches_within(&text, &known.exclude);
            taken = taken && deciding.is_none();
            matches.exclude = found;
        }
        (taken, matches)
    }
}
