//! What a layer has, without its tree: enough to see where something new goes.

use std::collections::{HashMap, HashSet};
use std::io::{self, BufReader, Read};

use wharf_layers::{Decompressor, Entry, EntryKind, Limits, TarReader};

use super::node::{Node, NodeKind};
use super::path::{clean, join, parent};

const BUFFER_BYTES: usize = 256 << 10;
/// A layer with more entries is unpacked instead: so many take some 100 MB.
const MAXIMUM_ENTRIES: usize = 500_000;
const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE_WHITEOUT: &[u8] = b".wh..wh..opq";

/// The entries of a layer.
#[derive(Debug, Default)]
pub struct LayerListing {
    nodes: HashMap<Vec<u8>, Node>,
    /// Names of the layers below that are gone.
    removed: HashSet<Vec<u8>>,
    /// Directories that hide what the layers below have in them.
    opaque: HashSet<Vec<u8>>,
}

/// What one layer has at a path.
pub(super) enum Found {
    Nothing,
    Whiteout,
    Node(Node),
}

impl LayerListing {
    /// Adds an entry at a clean path.
    pub fn put(&mut self, path: &[u8], node: Node) {
        self.nodes.insert(path.to_vec(), node);
    }

    /// Reads the headers of an archive. `None` of one that must be unpacked to see what it comes to: with more entries than are
    /// kept, or with such as no builder writes.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_archive(archive: impl Read, limits: &Limits) -> io::Result<Option<Self>> {
        let archive = BufReader::with_capacity(BUFFER_BYTES, archive);
        let plain = Decompressor::new(archive, limits)?;
        let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
        let mut reader = TarReader::new(plain, limits.clone());
        let mut listing = Self::default();
        let mut entry = Entry::default();
        let mut count = 0;
        while reader.read_entry(&mut entry).map_err(io::Error::other)? {
            count += 1;
            if count > MAXIMUM_ENTRIES || !listing.take(&entry) {
                return Ok(None);
            }
        }
        Ok(Some(listing))
    }

    /// Whether the entry could be taken.
    fn take(&mut self, entry: &Entry) -> bool {
        let path = clean(&entry.name);
        let as_written = entry.name.strip_suffix(b"/").unwrap_or(&entry.name);
        let folder = parent(&path).to_vec();
        // Whatever comes in another way than builders write it is for who unpacks.
        let is_known_folder =
            folder.is_empty() || self.nodes.get(&folder).is_some_and(Node::is_directory);
        if path.is_empty() || path != as_written || !is_known_folder {
            return false;
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(&path);
        if name == OPAQUE_WHITEOUT {
            self.opaque.insert(folder);
            return true;
        }
        if let Some(removed) = name.strip_prefix(WHITEOUT_PREFIX) {
            self.removed.insert(join(&folder, removed));
            return true;
        }
        let node = match node_of(entry) {
            Some(node) => node,
            None if entry.kind == EntryKind::HardLink => {
                let Some(first) = self.nodes.get(&clean(&entry.link_target)) else {
                    return false;
                };
                first.clone()
            }
            None => return false,
        };
        self.nodes.insert(path, node).is_none()
    }

    pub(super) fn look(&self, path: &[u8]) -> Found {
        match self.nodes.get(path) {
            Some(node) => Found::Node(node.clone()),
            None if path.is_empty() => Found::Node(Node::directory(0o755, 0, 0)),
            None if self.removed.contains(path) => Found::Whiteout,
            None => Found::Nothing,
        }
    }

    pub(super) fn is_opaque(&self, path: &[u8]) -> bool {
        self.opaque.contains(path)
    }
}

fn node_of(entry: &Entry) -> Option<Node> {
    let kind = match entry.kind {
        EntryKind::File => NodeKind::File,
        EntryKind::Directory => NodeKind::Directory,
        EntryKind::Symlink => NodeKind::Symlink,
        EntryKind::Fifo => NodeKind::Fifo,
        EntryKind::CharacterDevice => NodeKind::CharacterDevice,
        EntryKind::BlockDevice => NodeKind::BlockDevice,
        EntryKind::HardLink | EntryKind::Other(_) => return None,
    };
    Some(Node {
        kind,
        size: entry.size_bytes,
        modified: entry.modified,
        device: entry.device,
        target: entry.link_target.clone(),
        ..Node::directory(entry.mode, entry.user_id, entry.group_id)
    })
}
