//! Blocks of an earlier layer that need not be made again: a folder of which one file changed is the same tar for the most part.
//!
//! The file that is remembered is made of [`HEAD`], which changes with this program, since another version may deflate to other
//! bytes, the SHA-256 of what follows, and a record for each block: its key ([`BlockKeys`]), its length, the CRC-32s of its bytes
//! and of what it was deflated from, and the state of the diff ID's hasher at its end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use wharf_blobs::Spool;
use wharf_images::ImageStore;
use wharf_layers::{Compressor, DeflatedBlock, DeflatedBlocks};
use wharf_oci::{Algorithm, Digest, HasherState};

use super::block_keys::BlockKeys;

/// What the file begins with.
const HEAD: &[u8] = concat!("wharf deflated 2 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();

/// The blocks of an earlier archive that another one has, too.
#[derive(Debug)]
pub(super) struct KnownBlocks {
    archive: File,
    /// By their numbers.
    blocks: Vec<Option<KnownBlock>>,
}

#[derive(Debug)]
struct KnownBlock {
    key: Digest,
    /// Where it lies in the archive.
    offset: u64,
    block: DeflatedBlock,
    /// What the diff ID's hasher had seen at its end; none of the last one.
    state: Option<HasherState>,
}

impl KnownBlocks {
    /// Those of the archive `similar`; `None` if there is none, or nothing is known of it.
    pub(super) fn of(store: &ImageStore, similar: Option<&Digest>) -> Option<Self> {
        let blob = similar?;
        let blocks = read(&store.deflated_blocks(blob)?)?;
        Some(Self {
            archive: store.blobs().open_blob(blob).ok()?,
            blocks: blocks.into_iter().map(Some).collect(),
        })
    }

    /// Forgets those that an archive with these keys does not have.
    pub(super) fn retain(&mut self, keys: &[Digest]) {
        self.blocks.truncate(keys.len());
        for (block, key) in self.blocks.iter_mut().zip(keys) {
            block.take_if(|known| known.key != *key);
        }
    }

    /// How many there are from the first on. Something always follows them.
    pub(super) fn first(&self) -> usize {
        let (_last, others) = self.blocks.split_last().unzip();
        let others = others.unwrap_or_default().iter();
        let has_state = |block: &&Option<KnownBlock>| {
            let block = block.as_ref();
            block.is_some_and(|known| known.state.is_some())
        };
        others.take_while(has_state).count()
    }

    /// Puts the first blocks into an archive, with what the hasher has seen at the end of each. `None` if they cannot be used:
    /// then something may have been written.
    pub(super) fn take_over(
        &self,
        count: usize,
        compressor: &mut Compressor<Spool>,
    ) -> io::Result<Option<Vec<HasherState>>> {
        let mut states = Vec::with_capacity(count);
        for known in self.blocks.iter().take(count).flatten() {
            let (Some(bytes), Some(state)) = (self.bytes(known), &known.state) else {
                return Ok(None);
            };
            compressor.take_over(known.block.clone(), &bytes)?;
            states.push(state.clone());
        }
        Ok(Some(states))
    }

    /// Its deflated form; `None` if that was damaged on the disk.
    fn bytes(&self, known: &KnownBlock) -> Option<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(known.block.length).ok()?];
        self.archive.read_exact_at(&mut bytes, known.offset).ok()?;
        known.block.has(&bytes).then_some(bytes)
    }
}

impl DeflatedBlocks for KnownBlocks {
    fn find(&self, number: usize) -> Option<(DeflatedBlock, Vec<u8>)> {
        let known = self.blocks.get(number)?.as_ref()?;
        Some((known.block.clone(), self.bytes(known)?))
    }
}

/// Remembers the blocks of a new archive, as far as their keys are known. That it cannot be done costs time, the next time.
pub(super) fn remember(
    store: &ImageStore,
    blob: &Digest,
    keys: &BlockKeys,
    blocks: &[DeflatedBlock],
    states: &[HasherState],
) {
    let mut records = Vec::new();
    let mut states = states.iter();
    for (key, block) in keys.keys.iter().zip(blocks) {
        records.extend_from_slice(key.hash());
        for number in [block.length, block.check, block.plain_check] {
            records.extend(number.to_le_bytes());
        }
        let state = states.next().map_or(&[][..], HasherState::as_bytes);
        // no state is longer than a hundred bytes and some
        records.push(u8::try_from(state.len()).unwrap_or_default());
        records.extend_from_slice(state);
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
    let number = |bytes: &[u8]| Some(u32::from_le_bytes(*bytes.first_chunk()?));
    let mut offset = Compressor::<Spool>::HEADER_BYTES;
    let mut blocks = Vec::new();
    while let Some(key) = take(32) {
        let block = DeflatedBlock {
            length: number(take(4)?)?,
            check: number(take(4)?)?,
            plain_check: number(take(4)?)?,
        };
        let state_bytes = usize::from(*take(1)?.first()?);
        let state = take(state_bytes)?;
        let length = u64::from(block.length);
        blocks.push(KnownBlock {
            key: Digest::from_hash(Algorithm::Sha256, key)?,
            offset,
            block,
            state: (state_bytes > 0).then(|| HasherState::from_bytes(state.to_vec())),
        });
        offset += length;
    }
    Some(blocks)
}
