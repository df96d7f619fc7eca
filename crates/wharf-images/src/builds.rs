//! What builds remember: the layers that steps have made, by keys over everything that went into them, and the digests of
//! files that were read.
//!
//! An entry keeps its layer from being collected, as an image does.

use std::collections::BTreeSet;

use jiff::Timestamp;
use wharf_oci::{Descriptor, DiffId, Digest};

use crate::fetched::{self, FetchedFile};
use crate::garbage::{Candidates, SweepError, io_error};
use crate::layers::{LayerError, LayerRecord, LayerSlot};
use crate::records::{Durability, RecordsError};
use crate::store::ImageStore;
use crate::unpack::UnpackError;

/// As many digests of files are remembered, some 150 bytes each.
const FILE_DIGESTS_LIMIT: u64 = 2_000_000;

/// A layer that a step has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildEntry {
    /// Its number.
    pub id: i64,
    /// A key over what is known without looking at files: the step, and what it stands on.
    pub shape: Digest,
    /// The layer.
    pub diff_id: DiffId,
    /// The layer's archive.
    pub blob: Descriptor,
    /// Sum of the sizes of the layer's files, in bytes.
    pub size: u64,
    /// The step, for people.
    pub description: String,
    /// Those of its keys that mean the same on other machines.
    pub portable_keys: Vec<Digest>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was used last.
    pub used: Timestamp,
    /// How often it was used since it was made.
    pub uses: u64,
}

/// An entry to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBuildEntry {
    /// The keys that name it, those that mean the same on other machines first.
    pub keys: Vec<Digest>,
    /// How many of the keys those are.
    pub portable: usize,
    /// As [`BuildEntry::shape`].
    pub shape: Digest,
    /// The layer.
    pub diff_id: DiffId,
    /// The layer's archive.
    pub blob: Descriptor,
    /// Sum of the sizes of the layer's files, in bytes.
    pub size: u64,
    /// The step, for people.
    pub description: String,
    /// What went into the key, in the builder's form.
    pub fields: Vec<u8>,
}

/// A file, as far as the file system tells whether it is the same and unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When anything of it was changed last, in nanoseconds since 1970: nobody can set this time.
    pub changed_ns: i64,
    /// When its content was changed last, in nanoseconds since 1970.
    pub modified_ns: i64,
}

/// What is known of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// The digest of its content.
    pub digest: Digest,
    /// Its attribute `security.capability`.
    pub capability: Option<Vec<u8>>,
}

/// Which entries to remove. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildPruneFilter {
    /// Also entries whose layer an image has; otherwise only those that alone keep a layer.
    pub all: bool,
    /// Only entries that were not used since.
    pub unused_since: Option<Timestamp>,
    /// Keep the entries used last, up to so many bytes of archives.
    pub keep_bytes: Option<u64>,
    /// Only entries whose archive's digest begins so, with or without the algorithm.
    pub id: Option<String>,
    /// Only entries whose step has this in its text.
    pub description: Option<String>,
}

impl BuildPruneFilter {
    fn means(&self, digest: Digest, description: &str) -> bool {
        let begins = |wanted: &String| {
            digest.to_string().starts_with(wanted.as_str())
                || digest.hex().starts_with(wanted.as_str())
        };
        let says = |wanted: &String| description.contains(wanted.as_str());
        self.id.as_ref().is_none_or(begins) && self.description.as_ref().is_none_or(says)
    }
}

/// What builds remember takes on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildUsage {
    /// How many entries there are.
    pub entries: u64,
    /// Bytes of their archives, each counted once.
    pub bytes: u64,
    /// How much of that no image has.
    pub reclaimable_bytes: u64,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildPruneReport {
    /// The entries.
    pub entries: Vec<BuildEntry>,
    /// Files of web servers.
    pub fetched: Vec<FetchedFile>,
    /// Bytes of layers, archives and files that are gone.
    pub reclaimed_bytes: u64,
}

/// Why a layer is not there in its mountable form.
#[derive(Debug, thiserror::Error)]
pub enum EnsureLayerError {
    /// No archive of it is in the store.
    #[error(
        "no archive of layer {0} is in the store: run `wharf builder prune --all` and build again"
    )]
    NoBlob(DiffId),
    /// It cannot be unpacked.
    #[error("cannot unpack layer {diff_id}: {cause}")]
    Unpack {
        /// The layer.
        diff_id: DiffId,
        /// Why.
        cause: String,
    },
    /// The layers failed.
    #[error(transparent)]
    Layers(#[from] LayerError),
}

impl ImageStore {
    /// The entry that the key names, if its archive is still here. Put its layer under a lease with [`ImageStore::lease`] before
    /// it is used, and ask again.
    pub fn build_entry(&self, key: &Digest) -> Result<Option<BuildEntry>, RecordsError> {
        let found = self
            .shared
            .records
            .read(|session| session.build_entry(key))?;
        Ok(found.filter(|entry| self.shared.blobs.path(&entry.blob.digest).exists()))
    }

    /// Entries of a shape, the one used last first: what a step can be compared with.
    pub fn build_entries_of_shape(
        &self,
        shape: &Digest,
        limit: u32,
    ) -> Result<Vec<BuildEntry>, RecordsError> {
        self.shared
            .records
            .read(|session| session.build_entries_of_shape(shape, limit))
    }

    /// Entries whose step is described so, the one used last first.
    pub fn build_entries_described(
        &self,
        description: &str,
        limit: u32,
    ) -> Result<Vec<BuildEntry>, RecordsError> {
        self.shared
            .records
            .read(|session| session.build_entries_described(description, limit))
    }

    /// What went into an entry's key, in the builder's form; `None` of an entry that is gone.
    pub fn build_fields(&self, entry: &BuildEntry) -> Result<Option<Vec<u8>>, RecordsError> {
        let records = &self.shared.records;
        records.read(|session| session.build_fields(entry.id))
    }

    /// Every entry, the one used last first.
    pub fn build_entries(&self) -> Result<Vec<BuildEntry>, RecordsError> {
        self.shared.records.read(|session| {
            let entries = session.build_entries()?;
            Ok(entries)
        })
    }

    /// What the entries and files of web servers take.
    pub fn build_usage(&self) -> Result<BuildUsage, SweepError> {
        let mut usage = self.shared.records.read::<_, RecordsError>(|session| {
            let mut usage = BuildUsage::default();
            let mut seen = BTreeSet::new();
            for entry in session.build_entries()? {
                usage.entries += 1;
                if seen.insert(entry.blob.digest) {
                    usage.bytes += entry.blob.size;
                    if !session.image_has_layer(entry.diff_id)? {
                        usage.reclaimable_bytes += entry.blob.size;
                    }
                }
            }
            Ok(usage)
        })?;
        let folder = self.root().join("fetched");
        let files = self.fetched_files(|_damaged| Ok(()));
        for file in files.map_err(io_error(&folder))? {
            usage.entries += 1;
            usage.bytes += file.facts.size;
            usage.reclaimable_bytes += file.facts.size;
        }
        Ok(usage)
    }

    /// Remembers a layer whose archive is here and under a lease.
    pub fn put_build_entry(&self, entry: &NewBuildEntry) -> Result<(), RecordsError> {
        let now = self.shared.clock.now();
        self.shared.records.write(Durability::Volatile, |session| {
            session.put_layer_blob(&entry.blob, entry.diff_id)?;
            session.put_build_entry(entry, now)
        })
    }

    /// Counts one more use of each entry, and lets further keys name them.
    pub fn use_build_entries(&self, used: &[(i64, Vec<Digest>)]) -> Result<(), RecordsError> {
        let now = self.shared.clock.now();
        self.shared.records.write(Durability::Volatile, |session| {
            for (entry, keys) in used {
                session.use_build_entry(*entry, now)?;
                for key in keys {
                    session.put_build_key(key, *entry)?;
                }
            }
            Ok(())
        })
    }

    /// Tells what is known of these files.
    pub fn file_digests(
        &self,
        files: &[FileIdentity],
        mut known: impl FnMut(&FileIdentity, FileDigest),
    ) -> Result<(), RecordsError> {
        self.shared.records.read(|session| {
            for file in files {
                if let Some(found) = session.file_digest(file)? {
                    known(file, found);
                }
            }
            Ok(())
        })
    }

    /// Remembers what files hold. When that becomes too much everything is forgotten, and what is still asked for is learned again:
    /// nothing tells which files are gone.
    pub fn remember_file_digests(
        &self,
        files: &[(FileIdentity, FileDigest)],
    ) -> Result<(), RecordsError> {
        self.remember_file_digests_within(files, FILE_DIGESTS_LIMIT)
    }

    fn remember_file_digests_within(
        &self,
        files: &[(FileIdentity, FileDigest)],
        limit: u64,
    ) -> Result<(), RecordsError> {
        if files.is_empty() {
            return Ok(());
        }
        self.shared.records.write(Durability::Volatile, |session| {
            let room = limit.saturating_sub(files.len() as u64);
            if session.has_more_file_digests(room)? {
                session.delete_file_digests()?;
            }
            for (file, found) in files {
                session.put_file_digest(file, found)?;
            }
            Ok(())
        })
    }

    /// The layer in its mountable form, unpacked now if it is not there yet. Keep it under a lease.
    pub fn ensure_layer(&self, diff_id: DiffId) -> Result<LayerRecord, EnsureLayerError> {
        if let Some(found) = self.layer(diff_id)? {
            return Ok(found);
        }
        let blobs = self.blobs_of_layer(diff_id)?;
        let blob = blobs.first().ok_or(EnsureLayerError::NoBlob(diff_id))?;
        match self.layer_slot(diff_id)? {
            LayerSlot::Present(found) => Ok(found),
            LayerSlot::Writable(mut writer) => {
                let facts = self.unpack_stored(&mut writer, &blob.digest).map_err(
                    |error: UnpackError| EnsureLayerError::Unpack {
                        diff_id,
                        cause: error.to_string(),
                    },
                )?;
                Ok(writer.finish(facts)?)
            }
        }
    }

    /// What is known of a layer, whether it is unpacked or was only written by a build, so that an image can be recorded with it.
    pub fn known_layer(&self, diff_id: DiffId) -> Result<Option<LayerRecord>, LayerError> {
        if let Some(found) = self.layer(diff_id)? {
            return Ok(Some(found));
        }
        let (recorded, size) = self.shared.records.read::<_, RecordsError>(|session| {
            let recorded = session.layer(diff_id)?;
            Ok((recorded, session.size_of_built_layer(diff_id)?))
        })?;
        let recorded = recorded.filter(LayerRecord::may_be_packed);
        Ok(recorded.or_else(|| Some(LayerRecord::packed(diff_id, size?))))
    }

    /// Removes entries, and what only they kept.
    pub fn prune_builds(&self, filter: &BuildPruneFilter) -> Result<BuildPruneReport, SweepError> {
        let mut candidates = Candidates::default();
        let (entries, kept_bytes) =
            self.shared
                .records
                .write::<_, SweepError>(Durability::Durable, |session| {
                    let mut kept_bytes = 0;
                    let mut seen = BTreeSet::new();
                    let mut removed = Vec::new();
                    for entry in session.build_entries()? {
                        let is_image_s = session.image_has_layer(entry.diff_id)?;
                        // what stays anyway takes no more for being remembered
                        if is_image_s && !filter.all {
                            continue;
                        }
                        let is_first = seen.insert(entry.blob.digest);
                        let kept = filter.keep_bytes.is_some_and(|limit| {
                            kept_bytes += if is_first { entry.blob.size } else { 0 };
                            kept_bytes <= limit
                        });
                        let is_old = filter.unused_since.is_none_or(|since| entry.used < since);
                        let is_meant = filter.means(entry.blob.digest, &entry.description);
                        if kept || !is_old || !is_meant {
                            continue;
                        }
                        session.delete_build_entry(entry.id)?;
                        candidates.blobs.insert(entry.blob.digest);
                        candidates.layers.insert(entry.diff_id);
                        removed.push(entry);
                    }
                    if session.build_entries()?.is_empty() {
                        session.delete_file_digests()?;
                    }
                    Ok((removed, kept_bytes))
                })?;
        let swept = self.sweep(&candidates)?;
        let folder = self.root().join("deflated");
        self.forget_deflated_blocks().map_err(io_error(&folder))?;
        let folder = self.root().join("fetched");
        let fetched = self
            .prune_fetched_files(filter, kept_bytes)
            .map_err(io_error(&folder))?;
        let fetched_bytes: u64 = fetched.iter().map(|file| file.facts.size).sum();
        Ok(BuildPruneReport {
            entries,
            fetched,
            reclaimed_bytes: swept.layer_bytes + swept.blob_bytes + fetched_bytes,
        })
    }

    /// Removes files of web servers, where `kept_bytes` of what may be kept are kept already.
    fn prune_fetched_files(
        &self,
        filter: &BuildPruneFilter,
        mut kept_bytes: u64,
    ) -> std::io::Result<Vec<FetchedFile>> {
        let mut removed = Vec::new();
        for file in self.fetched_files(fetched::remove)? {
            let kept = filter.keep_bytes.is_some_and(|limit| {
                kept_bytes += file.facts.size;
                kept_bytes <= limit
            });
            let is_old = filter.unused_since.is_none_or(|since| file.used < since);
            if kept || !is_old || !filter.means(file.facts.digest, &file.facts.url) {
                continue;
            }
            file.remove()?;
            removed.push(file);
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::OpenOptions;
    use crate::{Access, Clock, Flavour};

    fn file(inode: u64) -> (FileIdentity, FileDigest) {
        let identity = FileIdentity {
            device: 1,
            inode,
            size: 2,
            changed_ns: 3,
            modified_ns: 4,
        };
        let digest = Digest::of(&inode.to_le_bytes());
        let capability = None;
        (identity, FileDigest { digest, capability })
    }

    #[test]
    fn digests_of_files_have_a_limit() {
        let root = tempfile::tempdir().unwrap();
        let options = OpenOptions {
            flavour: Flavour::User,
            ids: None,
            access: Access::Write,
            clock: Clock::system(),
            step_hook: None,
        };
        let store = ImageStore::open(root.path(), options).unwrap();
        let known = |inodes: std::ops::Range<u64>| {
            let files: Vec<FileIdentity> = inodes.map(|inode| file(inode).0).collect();
            let mut count = 0;
            store.file_digests(&files, |_, _| count += 1).unwrap();
            count
        };
        let learn = |inodes: std::ops::Range<u64>| {
            let files: Vec<_> = inodes.map(file).collect();
            store.remember_file_digests_within(&files, 10).unwrap();
        };
        learn(0..6);
        learn(6..10);
        assert_eq!(known(0..20), 10);
        learn(10..11);
        assert_eq!((known(0..10), known(10..20)), (0, 1));
    }
}
