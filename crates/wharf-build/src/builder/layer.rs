//! Writes a layer: files stream once into the tar, which is hashed and compressed on its way to the store.

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use jiff::Timestamp;
use wharf_blobs::Spool;
use wharf_images::{FileDigest, ImageStore, Lease};
use wharf_layers::{Compressor, DeflatedBlock, DeflatedBlocks, Entry, PlainHash, TarWriter};
use wharf_oci::{Algorithm, Descriptor, DiffId, Digest, Hasher, HasherState, MediaType};

use super::block_keys::{BlockKeys, Header, Headers};
use super::cancellation::Cancellation;
use super::digests::{Digests, Hashing};
use super::error::StepError;
use super::known_blocks::{self, KnownBlocks};
use crate::copy::{Content, LayerEntries, LayerEntry};
use crate::plan::LayerRef;
use crate::tree::Node;

/// As Docker compresses.
const GZIP_LEVEL: u32 = 6;
const BUFFER_BYTES: usize = 256 << 10;
const DICTIONARY_BYTES: u64 = Compressor::<Spool>::DICTIONARY_BYTES;

/// Which times files in a new layer get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// All this one.
    Instant(Timestamp),
    /// Their own; what the build makes gets this one.
    Preserved(Timestamp),
}

impl Times {
    /// The time of the build: of the image, and of what has no time of its own.
    pub fn of_build(self) -> Timestamp {
        match self {
            Self::Instant(time) | Self::Preserved(time) => time,
        }
    }

    /// The time of a file that a program changed.
    pub(super) fn of_change(self, own: wharf_layers::Timestamp) -> wharf_layers::Timestamp {
        match self {
            Self::Preserved(_) => wharf_layers::Timestamp {
                seconds: own.seconds,
                nanoseconds: 0,
            },
            Self::Instant(time) => wharf_layers::Timestamp {
                seconds: time.as_second(),
                nanoseconds: 0,
            },
        }
    }

    pub(super) fn of(self, node: &Node) -> wharf_layers::Timestamp {
        match self {
            Self::Preserved(_) if node.modified != wharf_layers::Timestamp::default() => {
                wharf_layers::Timestamp {
                    seconds: node.modified.seconds,
                    nanoseconds: 0,
                }
            }
            Self::Instant(time) | Self::Preserved(time) => wharf_layers::Timestamp {
                seconds: time.as_second(),
                nanoseconds: 0,
            },
        }
    }
}

/// How layers are written, and where to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LayerTarget<'a> {
    /// How many threads compress.
    pub(super) threads: usize,
    pub(super) store: &'a ImageStore,
    /// Keeps them while nothing else does.
    pub(super) lease: &'a Lease,
    /// When the build is given up, no layer is finished.
    pub(super) cancellation: &'a Cancellation,
    /// What of its blocks is known from before, and is remembered.
    pub(super) blocks: Blocks,
}

/// What becomes of a layer's deflated blocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Blocks {
    /// Nothing: nobody will look for them.
    Forgotten,
    /// They are remembered, and those of an earlier archive, which may be much the same, are taken over.
    Remembered {
        /// The earlier archive.
        similar: Option<Digest>,
    },
}

/// A layer that is in the store now.
pub(super) struct WrittenLayer {
    pub(super) layer: LayerRef,
    /// The sum of its files' sizes.
    pub(super) size: u64,
    /// The blocks of its archive.
    blocks: Vec<DeflatedBlock>,
    /// What the diff ID's hasher had seen at the end of each block.
    states: Vec<HasherState>,
}

/// Writes the entries as a layer into the store and keeps it under the lease. What an earlier archive begins with in the same way
/// is taken from there, and the files in it are not read.
pub(super) fn write_layer(
    entries: &LayerEntries,
    times: Times,
    target: LayerTarget<'_>,
    digests: &mut Digests<'_>,
) -> Result<WrittenLayer, StepError> {
    let Blocks::Remembered { similar } = target.blocks else {
        return write_tar(target, |tar| append_all(tar, entries, 0, times, digests));
    };
    let mut known = KnownBlocks::of(target.store, similar.as_ref());
    let mut keys = None;
    if let Some(known) = &mut known {
        let found = BlockKeys::of(entries, times, digests).map_err(not_written)?;
        known.retain(&found.keys);
        keys = Some(found);
    }
    let (sink, first) = match (known, &keys) {
        (Some(known), Some(keys)) => LayerSink::continuing(known, keys, target)?,
        _ => (LayerSink::new(target)?, 0),
    };
    let written = write_into(sink, target, |tar| {
        append_all(tar, entries, first, times, digests)
    })?;
    if written.blocks.len() > 1 {
        let keys = match keys {
            Some(keys) => keys,
            // what was unknown has been read now
            None => BlockKeys::of(entries, times, digests).map_err(not_written)?,
        };
        let blob = &written.layer.blob.digest;
        known_blocks::remember(target.store, blob, &keys, &written.blocks, &written.states);
    }
    Ok(written)
}

/// The archive of a layer: hashed, compressed, and on its way to the store.
pub(super) type LayerTar<'a> = TarWriter<BufWriter<LayerSink<'a>>>;

/// Lets `fill` write an archive, and makes a layer of it; `fill` gives the sum of the files' sizes.
pub(super) fn write_tar(
    target: LayerTarget<'_>,
    fill: impl FnOnce(&mut LayerTar<'_>) -> Result<u64, StepError>,
) -> Result<WrittenLayer, StepError> {
    write_into(LayerSink::new(target)?, target, fill)
}

fn write_into<'a>(
    sink: LayerSink<'a>,
    target: LayerTarget<'a>,
    fill: impl FnOnce(&mut LayerTar<'a>) -> Result<u64, StepError>,
) -> Result<WrittenLayer, StepError> {
    let mut tar = TarWriter::new(BufWriter::with_capacity(BUFFER_BYTES, sink));
    // a writer fails as soon as the build is given up
    let canceled = |error| {
        if target.cancellation.is_canceled() {
            return StepError::Canceled;
        }
        error
    };
    let size = fill(&mut tar).map_err(canceled)?;
    let sink = tar
        .finish()
        .and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error))
        .map_err(not_written)?;
    let finished = sink.compressor.finish_with_blocks().map_err(not_written)?;
    let hashed = finished
        .plain
        .ok_or_else(|| not_written(io::Error::other("it was not hashed")))?;
    let diff_id = DiffId::new(hashed.hasher.finish());
    Ok(WrittenLayer {
        layer: publish(finished.target, diff_id, target.store, target.lease)?,
        size,
        blocks: finished.blocks,
        states: hashed.states,
    })
}

fn not_written(source: io::Error) -> StepError {
    StepError::io("cannot write the layer", source)
}

impl LayerTarget<'_> {
    fn spool(&self) -> Result<Spool, StepError> {
        let spool = self.store.blobs().spool();
        spool.map_err(|error| not_written(io::Error::other(error)))
    }
}

fn publish(
    spool: Spool,
    diff_id: DiffId,
    store: &ImageStore,
    lease: &Lease,
) -> Result<LayerRef, StepError> {
    let blobs = store.blobs();
    lease.protect(&[spool.digest(), *diff_id.digest()])?;
    let (digest, size) = spool
        .publish(blobs, blobs.group_sync())
        .map_err(|source| StepError::io("cannot keep the layer", source))?;
    Ok(LayerRef {
        diff_id,
        blob: Descriptor::new(MediaType::DOCKER_LAYER_GZIP, digest, size),
    })
}

/// Writes the entries from the one numbered `first` on; the sum of the sizes of all.
fn append_all<W: Write>(
    tar: &mut TarWriter<W>,
    entries: &LayerEntries,
    first: usize,
    times: Times,
    digests: &mut Digests<'_>,
) -> Result<u64, StepError> {
    let mut headers = Headers::new(times);
    let mut size = 0;
    for (number, (path, entry)) in entries.iter().enumerate() {
        let Some(header) = headers.of(path, entry) else {
            continue;
        };
        size += header.entry.size_bytes;
        if number >= first {
            append(tar, path, entry, header, digests)?;
        }
    }
    Ok(size)
}

fn append<W: Write>(
    tar: &mut TarWriter<W>,
    path: &[u8],
    entry: &LayerEntry,
    mut header: Header,
    digests: &mut Digests<'_>,
) -> Result<(), StepError> {
    let failed = |source| StepError::io(shown(path), source);
    let content = Some(&entry.content).filter(|_| header.has_content);
    let Some(Content::Tree { tree, path: source }) = content else {
        return tar.append_bytes(&header.entry, b"").map_err(failed);
    };
    let changed = || StepError::Changed { path: shown(path) };
    // Whoever changes it while it is read changes its times.
    if let Some(known) = digests.settled(&entry.node) {
        header.put_capability(known.capability.as_deref());
        let mut content = tree.open_content(source)?;
        copy(tar, &header.entry, path, &mut content)?;
        let is_same = content.identity() == entry.node.identity;
        return is_same.then_some(()).ok_or_else(changed);
    }
    let opened = tree.open(source)?;
    header.put_capability(opened.capability.as_deref());
    let mut content = Hashing::new(opened.content);
    copy(tar, &header.entry, path, &mut content)?;
    let is_longer = content.read(&mut [0; 1]).map_err(failed)? > 0;
    let found = FileDigest {
        digest: content.digest(),
        capability: opened.capability,
    };
    let differs = |known: FileDigest| known != found;
    if is_longer || digests.known(&entry.node).is_some_and(differs) {
        return Err(changed());
    }
    digests.learn(&entry.node, &found);
    Ok(())
}

/// Writes an entry with what the file holds, which must not be shorter than was said.
fn copy<W: Write>(
    tar: &mut TarWriter<W>,
    entry: &Entry,
    path: &[u8],
    content: &mut impl Read,
) -> Result<(), StepError> {
    match tar.append(entry, content) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Err(StepError::Changed { path: shown(path) })
        }
        written => written.map_err(|source| StepError::io(shown(path), source)),
    }
}

fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// Takes an archive: hashes and compresses it, as long as the build is not given up.
pub(super) struct LayerSink<'a> {
    compressor: Compressor<Spool>,
    cancellation: &'a Cancellation,
    /// So much comes again that was taken over.
    repeated: u64,
}

impl<'a> LayerSink<'a> {
    fn new(target: LayerTarget<'a>) -> Result<Self, StepError> {
        Self::with(target, None)
    }

    fn with(
        target: LayerTarget<'a>,
        known: Option<&Arc<dyn DeflatedBlocks>>,
    ) -> Result<Self, StepError> {
        let (spool, threads) = (target.spool()?, target.threads);
        let compressor = match known {
            None => Compressor::gzip(spool, GZIP_LEVEL, threads),
            Some(known) => Compressor::gzip_from_known(spool, GZIP_LEVEL, threads, known),
        };
        let mut compressor = compressor.map_err(not_written)?;
        compressor.hash_plain(PlainHash {
            hasher: Hasher::new(Algorithm::Sha256),
            states: Vec::new(),
        });
        Ok(Self {
            compressor,
            cancellation: target.cancellation,
            repeated: 0,
        })
    }

    /// One that has the first of the known blocks already; with the number of the entry that must be written first.
    fn continuing(
        known: KnownBlocks,
        keys: &BlockKeys,
        target: LayerTarget<'a>,
    ) -> Result<(Self, usize), StepError> {
        let known = Arc::new(known);
        let blocks: Arc<dyn DeflatedBlocks> = Arc::<KnownBlocks>::clone(&known);
        let mut sink = Self::with(target, Some(&blocks))?;
        let count = known.first();
        let Some(start) = keys.starts.get(count).filter(|_| count > 0) else {
            return Ok((sink, 0));
        };
        let states = known.take_over(count, &mut sink.compressor);
        let states = states.map_err(not_written)?.unwrap_or_default();
        let last = states.last();
        let Some(hasher) = last.and_then(|last| Hasher::resume(Algorithm::Sha256, last)) else {
            return Ok((Self::with(target, Some(&blocks))?, 0));
        };
        sink.compressor.hash_plain(PlainHash { hasher, states });
        sink.repeated = start.offset + DICTIONARY_BYTES;
        Ok((sink, start.entry))
    }

    /// What comes again: the end of it is what deflate must have seen.
    fn repeat(&mut self, bytes: &[u8]) -> usize {
        let before = self.repeated.saturating_sub(DICTIONARY_BYTES);
        let limit = if before > 0 { before } else { self.repeated };
        let count = limit.min(bytes.len() as u64);
        self.repeated -= count;
        let count = usize::try_from(count).unwrap_or(bytes.len());
        if before == 0 {
            self.compressor
                .precede(bytes.get(..count).unwrap_or_default());
        }
        count
    }
}

impl Write for LayerSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancellation.is_canceled() {
            return Err(io::Error::other("the build was given up"));
        }
        if self.repeated > 0 {
            return Ok(self.repeat(bytes));
        }
        self.compressor.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.compressor.flush()
    }
}
