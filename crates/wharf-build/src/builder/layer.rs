//! Writes a layer: files stream once into the tar, which is hashed and compressed on its way to the store.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read as _, Write};
use std::sync::Arc;

use jiff::Timestamp;
use wharf_blobs::Spool;
use wharf_images::{FileDigest, ImageStore, Lease};
use wharf_layers::{Compressor, DeflatedBlocks, Entry, EntryKind, TarWriter, Xattr};
use wharf_oci::{Algorithm, Descriptor, DiffId, Digest, Hasher, MediaType};

use super::cancellation::Cancellation;
use super::digests::{Digests, Hashing};
use super::error::StepError;
use super::known_blocks::{self, KnownBlocks};
use crate::copy::{Content, LayerEntry};
use crate::plan::LayerRef;
use crate::tree::{Node, NodeKind};

/// As Docker compresses.
const GZIP_LEVEL: u32 = 6;
const BUFFER_BYTES: usize = 256 << 10;

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

/// A layer that is in the store now, with the sum of its files' sizes.
pub(super) struct WrittenLayer {
    pub(super) layer: LayerRef,
    pub(super) size: u64,
}

/// Writes the entries as a layer into the store and keeps it under the lease.
pub(super) fn write_layer(
    entries: &[(Vec<u8>, LayerEntry)],
    times: Times,
    target: LayerTarget<'_>,
    digests: &mut Digests<'_>,
) -> Result<WrittenLayer, StepError> {
    write_tar(target, |tar| {
        let mut first_names: HashMap<u64, Vec<u8>> = HashMap::new();
        let mut size = 0;
        for (path, entry) in entries {
            size += append(tar, path, entry, times, &mut first_names, digests)?;
        }
        Ok(size)
    })
}

/// The archive of a layer: hashed, compressed, and on its way to the store.
pub(super) type LayerTar<'a> = TarWriter<BufWriter<HashingWriter<'a, Compressor<Spool>>>>;

/// Lets `fill` write an archive, and makes a layer of it; `fill` gives the sum of the files' sizes.
pub(super) fn write_tar(
    target: LayerTarget<'_>,
    fill: impl FnOnce(&mut LayerTar<'_>) -> Result<u64, StepError>,
) -> Result<WrittenLayer, StepError> {
    let failed = |source| StepError::io("cannot write the layer", source);
    let spool = target
        .store
        .blobs()
        .spool()
        .map_err(|error| failed(io::Error::other(error)))?;
    let compressor = match target.blocks {
        Blocks::Forgotten => Compressor::gzip(spool, GZIP_LEVEL, target.threads),
        Blocks::Remembered { similar } => {
            let known: Arc<dyn DeflatedBlocks> = KnownBlocks::of(target.store, similar.as_ref());
            Compressor::gzip_from_known(spool, GZIP_LEVEL, target.threads, &known)
        }
    };
    let compressor = compressor.map_err(failed)?;
    let both = HashingWriter {
        hasher: Hasher::new(Algorithm::Sha256),
        inner: compressor,
        cancellation: target.cancellation,
    };
    let mut tar = TarWriter::new(BufWriter::with_capacity(BUFFER_BYTES, both));
    // a writer fails as soon as the build is given up
    let canceled = |error| {
        if target.cancellation.is_canceled() {
            return StepError::Canceled;
        }
        error
    };
    let size = fill(&mut tar).map_err(canceled)?;
    let both = tar
        .finish()
        .and_then(|buffer| buffer.into_inner().map_err(io::IntoInnerError::into_error))
        .map_err(failed)?;
    let diff_id = DiffId::new(both.hasher.finish());
    let (spool, blocks) = both.inner.finish_with_blocks().map_err(failed)?;
    let layer = publish(spool, diff_id, target.store, target.lease)?;
    if blocks.len() > 1 {
        known_blocks::remember(target.store, &layer.blob.digest, &blocks);
    }
    Ok(WrittenLayer { layer, size })
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

/// Writes one entry; how many bytes its content has.
fn append<W: Write>(
    tar: &mut TarWriter<W>,
    path: &[u8],
    entry: &LayerEntry,
    times: Times,
    first_names: &mut HashMap<u64, Vec<u8>>,
    digests: &mut Digests<'_>,
) -> Result<u64, StepError> {
    let node = &entry.node;
    let mut header = Entry {
        name: path.to_vec(),
        mode: node.mode,
        user_id: node.user,
        group_id: node.group,
        modified: times.of(node),
        device: node.device,
        link_target: node.target.clone(),
        size_bytes: node.size,
        ..Entry::default()
    };
    header.kind = match node.kind {
        NodeKind::File => EntryKind::File,
        NodeKind::Directory => EntryKind::Directory,
        NodeKind::Symlink => EntryKind::Symlink,
        NodeKind::Fifo => EntryKind::Fifo,
        NodeKind::CharacterDevice => EntryKind::CharacterDevice,
        NodeKind::BlockDevice => EntryKind::BlockDevice,
        // no archive can hold one
        NodeKind::Socket => return Ok(0),
    };
    if node.is_directory() {
        header.name.push(b'/');
    }
    let failed = |source| StepError::io(shown(path), source);
    if let Some(first) = entry.link.and_then(|link| first_names.get(&link)) {
        header.kind = EntryKind::HardLink;
        header.link_target.clone_from(first);
        header.size_bytes = 0;
        tar.append_bytes(&header, b"").map_err(failed)?;
        return Ok(0);
    }
    if let Some(link) = entry.link {
        first_names.insert(link, path.to_vec());
    }
    let Content::Tree { tree, path: source } = &entry.content else {
        tar.append_bytes(&header, b"").map_err(failed)?;
        return Ok(0);
    };
    let opened = tree.open(source)?;
    if let Some(value) = &opened.capability {
        header.xattrs.push(Xattr {
            name: b"security.capability".to_vec(),
            value: value.clone(),
        });
    }
    let mut content = Hashing::new(opened.content);
    let changed = || StepError::Changed { path: shown(path) };
    match tar.append(&header, &mut content) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(changed()),
        written => written.map_err(failed)?,
    }
    let mut more = [0; 1];
    let is_longer = content.read(&mut more).map_err(failed)? > 0;
    let found = FileDigest {
        digest: content.digest(),
        capability: opened.capability,
    };
    let differs = |known: FileDigest| known.digest != found.digest;
    if is_longer || digests.known(node).is_some_and(differs) {
        return Err(changed());
    }
    digests.learn(node, &found);
    Ok(node.size)
}

fn shown(path: &[u8]) -> String {
    format!("/{}", String::from_utf8_lossy(path))
}

/// Hashes what is written, as long as the build is not given up.
pub(super) struct HashingWriter<'a, W> {
    hasher: Hasher,
    inner: W,
    cancellation: &'a Cancellation,
}

impl<W: Write> Write for HashingWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancellation.is_canceled() {
            return Err(io::Error::other("the build was given up"));
        }
        let count = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
