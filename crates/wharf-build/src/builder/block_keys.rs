//! What the blocks of a layer's archive are made of: known from what its files are, without reading them.
//!
//! A block that is made of the same entries as one of an earlier archive, at the same place, has the same bytes. As long as that is
//! so from the beginning on, nothing need be written again, and the files need not be read.

use std::collections::{HashMap, VecDeque};
use std::io;

use wharf_layers::{Compressor, Entry, EntryKind, Xattr, archived_bytes};
use wharf_oci::{Algorithm, Digest, Hasher};

use super::digests::Digests;
use super::layer::Times;
use crate::copy::{Content, LayerEntries, LayerEntry};

const BLOCK_BYTES: u64 = Compressor::<Vec<u8>>::BLOCK_BYTES;
/// What deflate sees of the block before counts for a block, too.
const PRECEDING_BYTES: u64 = Compressor::<Vec<u8>>::DICTIONARY_BYTES;
/// What an archive ends with.
const END_BYTES: u64 = 1024;

/// The blocks of an archive, from the first on, as far as it is known what its files hold.
#[derive(Debug, Default)]
pub(super) struct BlockKeys {
    /// A digest for each over what it is made of, and what deflate sees of the one before it.
    pub(super) keys: Vec<Digest>,
    /// Where what counts for each begins.
    pub(super) starts: Vec<Start>,
    /// Of those whose start is known, but not yet their end.
    hashers: VecDeque<Hasher>,
    /// How long the archive is so far.
    end: u64,
}

/// A place in an archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    /// The number of the entry.
    pub(super) entry: usize,
    /// How far into it, its header included.
    pub(super) offset: u64,
}

impl BlockKeys {
    /// Those of the archive of these entries.
    ///
    /// # Errors
    /// If one cannot be in an archive.
    pub(super) fn of(
        entries: &LayerEntries,
        times: Times,
        digests: &Digests<'_>,
    ) -> io::Result<Self> {
        let mut headers = Headers::new(times);
        let mut blocks = Self::default();
        for (number, (path, entry)) in entries.iter().enumerate() {
            let Some(mut header) = headers.of(path, entry) else {
                continue;
            };
            let mut content = None;
            if header.has_content {
                let Some(known) = digests.known(&entry.node) else {
                    return Ok(blocks);
                };
                header.put_capability(known.capability.as_deref());
                content = Some(known.digest);
            }
            let described = described(&header.entry, content.as_ref());
            blocks.push(number, archived_bytes(&header.entry)?, &described);
        }
        blocks.finish();
        Ok(blocks)
    }

    fn push(&mut self, number: usize, bytes: u64, described: &[u8]) {
        let begin = self.end;
        self.end += bytes;
        for hasher in &mut self.hashers {
            hasher.update(described);
        }
        loop {
            while self.end >= (self.keys.len() as u64 + 1) * BLOCK_BYTES
                && let Some(hasher) = self.hashers.pop_front()
            {
                self.keys.push(hasher.finish());
            }
            let next = self.starts.len() as u64 * BLOCK_BYTES;
            let from = next.saturating_sub(PRECEDING_BYTES);
            if from >= self.end {
                return;
            }
            let offset = from - begin;
            let mut hasher = Hasher::new(Algorithm::Sha256);
            hasher.update(&offset.to_le_bytes());
            hasher.update(described);
            self.hashers.push_back(hasher);
            self.starts.push(Start {
                entry: number,
                offset,
            });
        }
    }

    /// What is left reaches to the end of the archive.
    fn finish(&mut self) {
        for mut hasher in self.hashers.drain(..) {
            let is_last = self.end + END_BYTES <= (self.keys.len() as u64 + 1) * BLOCK_BYTES;
            hasher.update(&[b'.', u8::from(is_last)]);
            self.keys.push(hasher.finish());
            if is_last {
                return;
            }
        }
    }
}

/// Everything of an entry.
fn described(entry: &Entry, content: Option<&Digest>) -> Vec<u8> {
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
    bytes.push(u8::from(content.is_some()));
    bytes.extend_from_slice(content.map_or(&[], Digest::hash));
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
        let mut header = Header {
            entry: Entry {
                name: path.to_vec(),
                kind: node.kind.in_archive()?,
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
