//! Where the blocks of a layer's archive end, and what stands before: known from what its files are, without reading them.
//!
//! An archive that begins with the same entries as an earlier one has the same first blocks. They need not be written again, and
//! the files in them need not be read.

use std::collections::HashMap;
use std::io;

use wharf_layers::{Compressor, Entry, EntryKind, Xattr, archived_bytes};
use wharf_oci::{Algorithm, Digest, Hasher};

use super::digests::Digests;
use super::layer::Times;
use crate::copy::{Content, LayerEntry};
use crate::tree::NodeKind;

const BLOCK_BYTES: u64 = Compressor::<Vec<u8>>::BLOCK_BYTES;
/// What deflate sees of the block before must be there when the next one is written.
const PRECEDING_BYTES: u64 = Compressor::<Vec<u8>>::DICTIONARY_BYTES;

/// The end of a block.
#[derive(Debug, Clone)]
pub(super) struct Boundary {
    /// Over all entries that begin before it, and what they hold: archives with the same mark have the same bytes up to here.
    pub(super) mark: Digest,
    /// In which entry the bytes begin that are needed to go on from here.
    pub(super) entry: usize,
    /// How far into that entry.
    pub(super) offset: u64,
}

/// The ends of an archive's blocks, from the first on, as far as it is known what the files hold.
pub(super) fn boundaries(
    entries: &[(Vec<u8>, LayerEntry)],
    times: Times,
    digests: &Digests<'_>,
) -> io::Result<Vec<Boundary>> {
    let mut headers = Headers::new(times);
    let mut chain = Hasher::new(Algorithm::Sha256);
    let mut boundaries = Vec::new();
    let mut end = 0;
    // the one whose bytes are needed for the next end of a block
    let mut needed = None;
    for (number, (path, entry)) in entries.iter().enumerate() {
        let Some(mut header) = headers.of(path, entry) else {
            continue;
        };
        if header.has_content {
            let Some(known) = digests.known(&entry.node) else {
                break;
            };
            header.put_capability(known.capability.as_deref());
            chain.update(known.digest.hash());
        }
        chain.update(&described(&header.entry));
        let begin = end;
        end += archived_bytes(&header.entry)?;
        loop {
            let block_end = (boundaries.len() as u64 + 1) * BLOCK_BYTES;
            let from = block_end - PRECEDING_BYTES;
            if needed.is_none() && end > from {
                needed = Some((number, from - begin));
            }
            let Some((entry, offset)) = needed.filter(|_| end >= block_end) else {
                break;
            };
            boundaries.push(Boundary {
                mark: chain.clone().finish(),
                entry,
                offset,
            });
            needed = None;
        }
    }
    Ok(boundaries)
}

/// Everything of an entry but what it holds.
fn described(entry: &Entry) -> Vec<u8> {
    let Entry {
        name,
        kind,
        link_target,
        mode,
        user_id,
        group_id,
        size_bytes,
        modified,
        accessed: _,
        device,
        xattrs,
        sparse: _,
    } = entry;
    let kind = match kind {
        EntryKind::File => b'f',
        EntryKind::HardLink => b'h',
        EntryKind::Symlink => b'l',
        EntryKind::Directory => b'd',
        EntryKind::Fifo => b'p',
        EntryKind::CharacterDevice => b'c',
        EntryKind::BlockDevice => b'b',
        EntryKind::Other(other) => *other,
    };
    let mut bytes = vec![kind];
    for number in [*mode, *user_id, *group_id, device.major, device.minor] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(size_bytes.to_le_bytes());
    bytes.extend(modified.seconds.to_le_bytes());
    bytes.extend(modified.nanoseconds.to_le_bytes());
    bytes.extend((xattrs.len() as u64).to_le_bytes());
    let attributes = xattrs.iter().flat_map(|xattr| [&xattr.name, &xattr.value]);
    for text in [name, link_target].into_iter().chain(attributes) {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text);
    }
    bytes
}

/// Makes the entries of an archive.
pub(super) struct Headers {
    times: Times,
    /// Of files with several names.
    first_names: HashMap<u64, Vec<u8>>,
}

/// An entry of the archive.
pub(super) struct Header {
    pub(super) entry: Entry,
    /// Whether its bytes are those of a file.
    pub(super) has_content: bool,
}

impl Headers {
    pub(super) fn new(times: Times) -> Self {
        Self {
            times,
            first_names: HashMap::new(),
        }
    }

    /// The next one, without its attributes; `None` of what no archive can hold.
    pub(super) fn of(&mut self, path: &[u8], entry: &LayerEntry) -> Option<Header> {
        let node = &entry.node;
        let kind = match node.kind {
            NodeKind::File => EntryKind::File,
            NodeKind::Directory => EntryKind::Directory,
            NodeKind::Symlink => EntryKind::Symlink,
            NodeKind::Fifo => EntryKind::Fifo,
            NodeKind::CharacterDevice => EntryKind::CharacterDevice,
            NodeKind::BlockDevice => EntryKind::BlockDevice,
            NodeKind::Socket => return None,
        };
        let mut header = Header {
            entry: Entry {
                name: path.to_vec(),
                kind,
                mode: node.mode,
                user_id: node.user,
                group_id: node.group,
                modified: self.times.of(node),
                device: node.device,
                link_target: node.target.clone(),
                ..Entry::default()
            },
            has_content: false,
        };
        if node.is_directory() {
            header.entry.name.push(b'/');
        }
        if let Some(link) = entry.link {
            if let Some(first) = self.first_names.get(&link) {
                header.entry.kind = EntryKind::HardLink;
                header.entry.link_target.clone_from(first);
                return Some(header);
            }
            self.first_names.insert(link, path.to_vec());
        }
        if matches!(entry.content, Content::Tree { .. }) {
            header.entry.size_bytes = node.size;
            header.has_content = true;
        }
        Some(header)
    }
}

impl Header {
    pub(super) fn put_capability(&mut self, value: Option<&[u8]>) {
        if let Some(value) = value {
            self.entry.xattrs.push(Xattr {
                name: b"security.capability".to_vec(),
                value: value.to_vec(),
            });
        }
    }
}
