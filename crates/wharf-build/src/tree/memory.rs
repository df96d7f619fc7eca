//! A tree that lies in memory, with what files hold in memory or in one file: heredocs, downloads, archives.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::node::{FileTree, Lookup, Node, Opened, OpenedContent, TreeError};
use super::path::parent;

/// A file in which others lie one behind the other. It is deleted with its last user.
#[derive(Debug, Clone)]
pub struct SharedFile {
    file: Arc<File>,
    _scratch: Arc<dyn fmt::Debug + Send + Sync>,
}

/// A tree in memory.
#[derive(Debug, Default)]
pub struct MemoryTree {
    nodes: BTreeMap<Vec<u8>, (Node, Content)>,
    capabilities: BTreeMap<Vec<u8>, Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Content {
    None,
    Bytes(Arc<[u8]>),
    Span { file: SharedFile, offset: u64 },
}

impl SharedFile {
    /// A file, and what deletes it when it is dropped.
    pub fn new(file: File, scratch: impl fmt::Debug + Send + Sync + 'static) -> Self {
        Self {
            file: Arc::new(file),
            _scratch: Arc::new(scratch),
        }
    }

    /// The bytes from `offset` on.
    pub fn span(&self, offset: u64, length: u64) -> impl Read + Send + use<> {
        Span {
            file: Arc::clone(&self.file),
            offset,
            left: length,
        }
    }
}

impl MemoryTree {
    /// Puts a file there whose content is in memory.
    pub fn put_bytes(&mut self, path: &[u8], node: Node, bytes: Arc<[u8]>) {
        self.put(path, node, Content::Bytes(bytes));
    }

    /// Puts a file there whose content is a part of another file.
    pub fn put_span(&mut self, path: &[u8], node: Node, file: &SharedFile, offset: u64) {
        let file = file.clone();
        self.put(path, node, Content::Span { file, offset });
    }

    /// Puts a file there that holds what a file of another tree holds.
    pub fn put_from(&mut self, path: &[u8], node: Node, other: &Self, other_path: &[u8]) {
        if let Some((_, content)) = other.nodes.get(other_path) {
            self.put(path, node, content.clone());
        }
    }

    /// Gives a file its attribute `security.capability`.
    pub fn set_capability(&mut self, path: &[u8], capability: Option<Vec<u8>>) {
        if let Some(capability) = capability {
            self.capabilities.insert(path.to_vec(), capability);
        }
    }

    /// Puts something without content there.
    pub fn put_node(&mut self, path: &[u8], node: Node) {
        self.put(path, node, Content::None);
    }

    /// Takes a path away, with everything below it.
    pub fn remove(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        let gone: Vec<Vec<u8>> = self
            .nodes
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            self.nodes.remove(&path);
        }
        self.nodes.remove(path);
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A second name for a file; whether the first is there.
    pub fn link(&mut self, path: &[u8], first: &[u8]) -> bool {
        let Some((node, content)) = self.nodes.get(first).cloned() else {
            return false;
        };
        self.put(path, node, content);
        true
    }

    fn put(&mut self, path: &[u8], node: Node, content: Content) {
        let mut above = parent(path);
        while !above.is_empty() && !self.nodes.contains_key(above) {
            let folder = Node::directory(0o755, 0, 0);
            self.nodes.insert(above.to_vec(), (folder, Content::None));
            above = parent(above);
        }
        self.nodes.insert(path.to_vec(), (node, content));
    }
}

impl Lookup for MemoryTree {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        if path.is_empty() {
            return Ok(Some(Node::directory(0o755, 0, 0)));
        }
        Ok(self.nodes.get(path).map(|(node, _)| node.clone()))
    }
}

impl FileTree for MemoryTree {
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError> {
        let prefix = if path.is_empty() {
            Vec::new()
        } else {
            [path, b"/"].concat()
        };
        let below = self.nodes.range(prefix.clone()..);
        let below = below.take_while(|(path, _)| path.starts_with(&prefix));
        Ok(below
            .filter_map(|(path, (node, _))| {
                let name = path.get(prefix.len()..)?;
                (!name.contains(&b'/') && !name.is_empty()).then(|| (name.to_vec(), node.clone()))
            })
            .collect())
    }

    fn open(&self, path: &[u8]) -> Result<Opened, TreeError> {
        let found = self.nodes.get(path);
        let content: Box<dyn Read + Send> = match found {
            Some((_, Content::Bytes(bytes))) => Box::new(io::Cursor::new(Arc::clone(bytes))),
            Some((node, Content::Span { file, offset })) => Box::new(file.span(*offset, node.size)),
            Some((_, Content::None)) => Box::new(io::empty()),
            None => {
                let path = String::from_utf8_lossy(path).into_owned();
                return Err(TreeError::io(
                    PathBuf::from(path),
                    io::Error::from(io::ErrorKind::NotFound),
                ));
            }
        };
        Ok(Opened {
            content: OpenedContent::Other(content),
            capability: self.capabilities.get(path).cloned(),
        })
    }
}

/// A part of a file that others read, too.
struct Span {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for Span {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = usize::try_from(self.left).unwrap_or(usize::MAX);
        let length = buffer.len().min(limit);
        let room = buffer.get_mut(..length).unwrap_or_default();
        let count = self.file.read_at(room, self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
