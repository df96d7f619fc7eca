//! Archives that ADD unpacks, and contexts that come as one.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use wharf_blobs::Scratch;
use wharf_layers::{Decompressor, Entry, EntryKind, Limits, TarError, TarReader};
use wharf_oci::{Algorithm, Hasher};

use crate::tree::{FileTree, MemoryTree, Node, NodeKind, SharedFile, clean};

const BUFFER_BYTES: usize = 256 << 10;
/// How many entries an archive may have.
const MAXIMUM_ENTRIES: usize = 5_000_000;

/// An archive that was read: what its files hold lies in one file.
#[derive(Debug)]
pub struct ReadArchive {
    tree: Arc<MemoryTree>,
    /// In the archive's order: later ones replace earlier ones.
    pub(super) entries: Vec<ArchiveEntry>,
}

/// One entry.
#[derive(Debug, Clone)]
pub(super) struct ArchiveEntry {
    /// Its path: clean, and never the root.
    pub(super) path: Vec<u8>,
    pub(super) node: Node,
    /// Where what it holds is.
    pub(super) content: Option<Vec<u8>>,
    /// The path of the file that this is one more name of.
    pub(super) hard_link: Option<Vec<u8>>,
}

/// An archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is damaged, or none.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// It cannot be read, or what it holds cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// More entries than there may be.
    #[error("the archive has more than {MAXIMUM_ENTRIES} entries")]
    TooMany,
}

/// Whether what begins so is an archive, compressed or not.
pub fn is_archive(source: impl Read, limits: &Limits) -> bool {
    let buffered = BufReader::with_capacity(64 << 10, source);
    let Ok(plain) = Decompressor::new(buffered, limits) else {
        return false;
    };
    let mut reader = TarReader::new(BufReader::new(plain), limits.clone());
    matches!(reader.read_entry(&mut Entry::default()), Ok(true))
}

/// Reads an archive, compressed or not; what its files hold goes to `scratch`.
///
/// # Errors
/// If it is damaged, too large, or `scratch` cannot be written.
pub fn read_archive(
    source: impl Read,
    mut scratch: Scratch,
    limits: &Limits,
) -> Result<ReadArchive, ArchiveError> {
    let buffered = BufReader::with_capacity(BUFFER_BYTES, source);
    let plain = Decompressor::new(buffered, limits)?;
    let plain = BufReader::with_capacity(BUFFER_BYTES, plain);
    let mut reader = TarReader::new(plain, limits.clone());
    let mut found = Vec::new();
    let mut entry = Entry::default();
    let mut offset = 0;
    while reader.read_entry(&mut entry)? {
        if found.len() >= MAXIMUM_ENTRIES {
            return Err(ArchiveError::TooMany);
        }
        let path = clean(&entry.name);
        let Some(kind) = kind_of(entry.kind).filter(|_| !path.is_empty()) else {
            continue;
        };
        let mut node = node_of(&entry, kind);
        let is_file = entry.kind == EntryKind::File;
        let capability = capability_of(&entry);
        let begin = offset;
        if is_file {
            let (length, digest) = spooled(&mut reader, &entry, &mut scratch)?;
            offset += length;
            node.size = length;
            node.digest = Some(digest).filter(|_| capability.is_none());
        }
        let is_link = entry.kind == EntryKind::HardLink;
        let link = is_link.then(|| clean(&entry.link_target));
        found.push((path, node, is_file.then_some(begin), link, capability));
    }
    let file = SharedFile::new(scratch.reopen()?, scratch);
    let mut tree = MemoryTree::default();
    let mut entries = Vec::with_capacity(found.len());
    for (index, (path, node, begin, hard_link, capability)) in found.into_iter().enumerate() {
        let content = begin.map(|begin| {
            let place = index.to_string().into_bytes();
            tree.put_span(&place, node.clone(), &file, begin);
            tree.set_capability(&place, capability);
            place
        });
        entries.push(ArchiveEntry {
            path,
            node,
            content,
            hard_link,
        });
    }
    Ok(ReadArchive {
        tree: Arc::new(tree),
        entries,
    })
}

impl ReadArchive {
    pub(super) fn tree(&self) -> Arc<dyn FileTree> {
        Arc::clone(&self.tree) as Arc<dyn FileTree>
    }

    /// The archive as a context: its entries where they say, without owners, as every context is.
    pub fn into_context(self) -> MemoryTree {
        let mut context = MemoryTree::default();
        for entry in self.entries {
            let is_merged = entry.node.is_directory();
            if !is_merged {
                context.remove(&entry.path);
            }
            let node = Node {
                user: 0,
                group: 0,
                ..entry.node
            };
            match (&entry.content, &entry.hard_link) {
                (Some(content), _) => context.put_from(&entry.path, node, &self.tree, content),
                (None, Some(first)) => drop(context.link(&entry.path, first)),
                (None, None) => context.put_node(&entry.path, node),
            }
        }
        context
    }
}

fn kind_of(kind: EntryKind) -> Option<NodeKind> {
    Some(match kind {
        EntryKind::File | EntryKind::HardLink => NodeKind::File,
        EntryKind::Symlink => NodeKind::Symlink,
        EntryKind::Directory => NodeKind::Directory,
        EntryKind::Fifo => NodeKind::Fifo,
        EntryKind::CharacterDevice => NodeKind::CharacterDevice,
        EntryKind::BlockDevice => NodeKind::BlockDevice,
        EntryKind::Other(_) => return None,
    })
}

fn node_of(entry: &Entry, kind: NodeKind) -> Node {
    Node {
        kind,
        modified: entry.modified,
        device: entry.device,
        target: match kind {
            NodeKind::Symlink => entry.link_target.clone(),
            _ => Vec::new(),
        },
        ..Node::directory(entry.mode, entry.user_id, entry.group_id)
    }
}

fn capability_of(entry: &Entry) -> Option<Vec<u8>> {
    let mut xattrs = entry.xattrs.iter();
    let found = xattrs.find(|xattr| xattr.name == b"security.capability");
    found.map(|xattr| xattr.value.clone())
}

fn spooled<R: BufRead>(
    reader: &mut TarReader<R>,
    entry: &Entry,
    scratch: &mut Scratch,
) -> Result<(u64, wharf_oci::Digest), ArchiveError> {
    let mut content = reader.content(entry);
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let count = content.read(&mut buffer)?;
        if count == 0 {
            return Ok((length, hasher.finish()));
        }
        let read = buffer.get(..count).unwrap_or_default();
        hasher.update(read);
        scratch.write_all(read)?;
        length += count as u64;
    }
}
