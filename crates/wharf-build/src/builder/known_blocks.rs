//! Blocks of an earlier layer that need not be deflated again: a folder of which one file changed is the same tar for the most part.
//!
//! The file that is remembered is made of [`HEAD`], which changes with this program, since another version may deflate to other
//! bytes, and 40 bytes for each block: key, length, CRC-32.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use wharf_images::ImageStore;
use wharf_layers::{Compressor, DeflatedBlock, DeflatedBlocks};
use wharf_oci::{Algorithm, Digest};

/// What the file begins with.
const HEAD: &[u8] = concat!("wharf deflated 1 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
const KEY_BYTES: usize = 32;
const RECORD_BYTES: usize = KEY_BYTES + 4 + 4;

/// The blocks of one layer's archive.
#[derive(Debug, Default)]
pub(super) struct KnownBlocks {
    archive: Option<File>,
    /// Each with where it lies.
    places: HashMap<Digest, (u64, DeflatedBlock)>,
}

impl KnownBlocks {
    /// Those of the archive `similar`; none if there is none, or nothing is known of it.
    pub(super) fn of(store: &ImageStore, similar: Option<&Digest>) -> Arc<Self> {
        let found = similar.and_then(|blob| {
            let places = places(&store.deflated_blocks(blob)?)?;
            let archive = store.blobs().open_blob(blob).ok();
            Some(Self { archive, places })
        });
        Arc::new(found.unwrap_or_default())
    }
}

impl DeflatedBlocks for KnownBlocks {
    fn find(&self, key: &Digest) -> Option<Vec<u8>> {
        let (offset, block) = self.places.get(key)?;
        let archive = self.archive.as_ref()?;
        let mut bytes = vec![0; usize::try_from(block.length).ok()?];
        archive.read_exact_at(&mut bytes, *offset).ok()?;
        // What was damaged on the disk is deflated again.
        block.has(&bytes).then_some(bytes)
    }
}

/// Remembers the blocks of a new archive. That it cannot be done costs time, the next time.
pub(super) fn remember(store: &ImageStore, blob: &Digest, blocks: &[DeflatedBlock]) {
    let mut bytes = HEAD.to_vec();
    for block in blocks {
        bytes.extend_from_slice(block.key.hash());
        bytes.extend(block.length.to_le_bytes());
        bytes.extend(block.check.to_le_bytes());
    }
    let _saves_nothing_then = store.remember_deflated_blocks(blob, &bytes);
}

fn places(bytes: &[u8]) -> Option<HashMap<Digest, (u64, DeflatedBlock)>> {
    let mut rest = bytes.strip_prefix(HEAD)?;
    let mut offset = Compressor::<Vec<u8>>::HEADER_BYTES;
    let mut places = HashMap::new();
    while let Some((record, behind)) = rest.split_first_chunk::<RECORD_BYTES>() {
        let (key, numbers) = record.split_first_chunk::<KEY_BYTES>()?;
        let (length, check) = numbers.split_first_chunk::<4>()?;
        let block = DeflatedBlock {
            key: Digest::from_hash(Algorithm::Sha256, key)?,
            length: u32::from_le_bytes(*length),
            check: u32::from_le_bytes(*check.first_chunk::<4>()?),
        };
        let behind_it = offset + u64::from(block.length);
        places.insert(block.key, (offset, block));
        offset = behind_it;
        rest = behind;
    }
    Some(places)
}
