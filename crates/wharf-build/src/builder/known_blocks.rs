//! Blocks of an earlier layer that need not be made again: a folder of which one file changed is the same tar for the most part.
//!
//! Those at its beginning are taken over by what the files are ([`Boundary`]); those behind a change, by what they hold.
//!
//! The file that is remembered is made of [`HEAD`], which changes with this program, since another version may deflate to other
//! bytes, the SHA-256 of what follows, and a record for each block: its key, length and CRC-32s, and for its end, where that is
//! known, the mark and the state of the diff ID's hasher there.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use wharf_blobs::Spool;
use wharf_images::ImageStore;
use wharf_layers::{Compressor, DeflatedBlock, DeflatedBlocks};
use wharf_oci::{Algorithm, Digest, Hasher, HasherState};

use super::boundaries::Boundary;

/// What the file begins with.
const HEAD: &[u8] = concat!("wharf deflated 2 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// The blocks of one layer's archive.
#[derive(Debug, Default)]
pub(super) struct KnownBlocks {
    archive: Option<File>,
    blocks: Vec<KnownBlock>,
    /// By their keys.
    numbers: HashMap<Digest, usize>,
}

#[derive(Debug)]
struct KnownBlock {
    /// Where it lies in the archive.
    offset: u64,
    block: DeflatedBlock,
    end: Option<KnownEnd>,
}

#[derive(Debug)]
struct KnownEnd {
    mark: Digest,
    state: HasherState,
}

impl KnownBlocks {
    /// Those of the archive `similar`; none if there is none, or nothing is known of it.
    pub(super) fn of(store: &ImageStore, similar: Option<&Digest>) -> Arc<Self> {
        let found = similar.and_then(|blob| {
            let blocks = read(&store.deflated_blocks(blob)?)?;
            let keys = blocks.iter().map(|known| known.block.key);
            Some(Self {
                archive: Some(store.blobs().open_blob(blob).ok()?),
                numbers: keys
                    .enumerate()
                    .map(|(number, key)| (key, number))
                    .collect(),
                blocks,
            })
        });
        Arc::new(found.unwrap_or_default())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// How many blocks an archive with these ends begins with that are known, and the end of the last of them.
    pub(super) fn common<'a>(&self, ends: &'a [Boundary]) -> Option<(usize, &'a Boundary)> {
        let (_last_is_another_one, inner) = self.blocks.split_last()?;
        let pairs = inner.iter().zip(ends);
        let same = pairs.take_while(|(known, end)| {
            let known = known.end.as_ref();
            known.is_some_and(|known| known.mark == end.mark)
        });
        let count = same.count();
        Some((count, ends.get(count.checked_sub(1)?)?))
    }

    /// Puts the first blocks into an archive, with what the hasher has seen then, at the end of the last and of each. `None` if
    /// they cannot be used: then something may have been written.
    pub(super) fn take_over(
        &self,
        count: usize,
        compressor: &mut Compressor<Spool>,
    ) -> io::Result<Option<(Hasher, Vec<HasherState>)>> {
        let mut states = Vec::with_capacity(count);
        for known in self.blocks.iter().take(count) {
            let (Some(bytes), Some(end)) = (self.bytes(known), &known.end) else {
                return Ok(None);
            };
            compressor.take_over(known.block.clone(), &bytes)?;
            states.push(end.state.clone());
        }
        let last = states.last();
        let hasher = last.and_then(|last| Hasher::resume(Algorithm::Sha256, last));
        Ok(hasher.map(|hasher| (hasher, states)))
    }

    /// Its deflated form; `None` if that was damaged on the disk.
    fn bytes(&self, known: &KnownBlock) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(known.block.length).ok()?];
        let archive = self.archive.as_ref()?;
        archive.read_exact_at(&mut bytes, known.offset).ok()?;
        known.block.has(&bytes).then_some(bytes)
    }
}

impl DeflatedBlocks for KnownBlocks {
    fn find(&self, key: &Digest) -> Option<Vec<u8>> {
        self.bytes(self.blocks.get(*self.numbers.get(key)?)?)
    }
}

/// Remembers the blocks of a new archive, with their ends as far as those are known. That it cannot be done costs time, the next
/// time.
pub(super) fn remember(
    store: &ImageStore,
    blob: &Digest,
    blocks: &[DeflatedBlock],
    states: &[HasherState],
    ends: &[Boundary],
) {
    let mut records = Vec::new();
    let mut known_ends = ends.iter().zip(states);
    for block in blocks {
        records.extend_from_slice(block.key.hash());
        for number in [block.length, block.check, block.plain_check] {
            records.extend(number.to_le_bytes());
        }
        let end = known_ends.next();
        let state = end.map_or(&[][..], |(_, state)| state.as_bytes());
        // no state is longer than a few hundred bytes
        records.push(u8::try_from(state.len()).unwrap_or_default());
        if let Some((end, _)) = end {
            records.extend_from_slice(end.mark.hash());
            records.extend_from_slice(state);
        }
    }
    let bytes = [HEAD, Digest::of(&records).hash(), &records].concat();
    let _saves_nothing_then = store.remember_deflated_blocks(blob, &bytes);
}

/// Reads what [`remember`] wrote; `None` of what another version wrote, or what was damaged.
fn read(bytes: &[u8]) -> Option<Vec<KnownBlock>> {
    let (check, mut rest) = bytes.strip_prefix(HEAD)?.split_first_chunk::<32>()?;
    if Digest::of(rest).hash() != check {
        return None;
    }
    let mut take = |count: usize| {
        let (taken, behind) = rest.split_at_checked(count)?;
        rest = behind;
        Some(taken)
    };
    let digest = |hash: &[u8]| Digest::from_hash(Algorithm::Sha256, hash);
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(*bytes.first_chunk()?));
    let mut offset = Compressor::<Spool>::HEADER_BYTES;
    let mut blocks = Vec::new();
    while let Some(key) = take(32) {
        let block = DeflatedBlock {
            key: digest(key)?,
            length: number(take(4)?)?,
            check: number(take(4)?)?,
            plain_check: number(take(4)?)?,
        };
        let state_bytes = usize::from(*take(1)?.first()?);
        let mut end = None;
        if state_bytes > 0 {
            end = Some(KnownEnd {
                mark: digest(take(32)?)?,
                state: HasherState::from_bytes(take(state_bytes)?.to_vec()),
            });
        }
        let length = u64::from(block.length);
        blocks.push(KnownBlock { offset, block, end });
        offset += length;
    }
    Some(blocks)
}
