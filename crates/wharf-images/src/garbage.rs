//! Garbage: finding content that nothing reaches, and deleting it while nobody can take it up.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use wharf_blobs::{BlobError, FileLock};
use wharf_oci::{ChainId, DiffId, Digest};

use crate::layers::{LayerError, delete_put_away, parse_folder_name};
use crate::names::NameError;
use crate::records::{Durability, ImageRow, RecordsError, Session};
use crate::remove::PreparationError;
use crate::store::ImageStore;

/// Files under a temporary name are moments old, or left by a dead process.
const TEMPORARY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// What was deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GarbageReport {
    /// Layers that are gone.
    pub layers: u64,
    /// Sum of their files' sizes in bytes: what Docker calls reclaimed space.
    pub layer_bytes: u64,
    /// Blobs that are gone.
    pub blobs: u64,
    /// Their length in bytes.
    pub blob_bytes: u64,
    /// Unfinished downloads and half unpacked layers that are gone.
    pub unfinished: u64,
    /// Bytes of the unfinished downloads.
    pub unfinished_bytes: u64,
}

/// What to do with downloads that were interrupted and could be taken up again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfinished {
    /// Keep them all.
    Keep,
    /// Delete those that nobody has written to for so long. Those at work are never deleted.
    DeleteOlderThan(SignedDuration),
}

/// Why garbage could not be deleted.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// A blob could not be looked at or deleted.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// A layer could not be moved away or deleted.
    #[error(transparent)]
    Layers(#[from] LayerError),
    /// It is not known what must not be removed.
    #[error(transparent)]
    Preparation(#[from] PreparationError),
    /// `names.json` could not be written.
    #[error(transparent)]
    Names(#[from] NameError),
    /// A folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// Content that may have become garbage.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) layers: BTreeSet<DiffId>,
}

impl Candidates {
    /// Everything that the image alone may have kept.
    pub(crate) fn add_image(
        &mut self,
        session: &Session<'_>,
        row: &ImageRow,
        layers: &[(DiffId, ChainId)],
    ) -> Result<(), RecordsError> {
        self.blobs.insert(row.config);
        let manifests = session.manifests_of(row.id)?;
        let manifests = manifests.iter().map(|descriptor| descriptor.digest);
        for manifest in manifests.chain([*row.manifest.digest()]) {
            self.blobs.insert(manifest);
            self.blobs.extend(session.edges_from(&manifest)?);
        }
        self.layers
            .extend(layers.iter().map(|(diff_id, _)| *diff_id));
        Ok(())
    }
}

impl ImageStore {
    /// Deletes everything that neither a name, an image, a user nor a living lease reaches, and heals
    /// what dead processes left: their leases, temporary files, half removed trees.
    pub fn collect_garbage(&self, unfinished: Unfinished) -> Result<GarbageReport, SweepError> {
        let candidates = self.everything_on_disk()?;
        self.shared.records.write(Durability::Volatile, |session| {
            self.prepare_removal(session)?;
            // A process may have died between the file and the records.
            self.shared.write_journal(session)?;
            Ok::<_, SweepError>(())
        })?;
        let mut report = self.sweep(&candidates)?;
        self.sweep_partial_layers(unfinished, &mut report)?;
        self.sweep_downloads(unfinished, &mut report)?;
        self.shared.blobs.sweep_spools()?;
        self.sweep_temporary_files()?;
        let scratch = self.shared.sweep_scratch_folders();
        scratch.map_err(io_error(&self.shared.root))?;
        self.shared.empty_removing()?;
        Ok(report)
    }

    /// Deletes those of `candidates` that nothing reaches. They are renamed away while no other
    /// process can write records, and deleted after that.
    pub(crate) fn sweep(&self, candidates: &Candidates) -> Result<GarbageReport, SweepError> {
        let mut report = GarbageReport::default();
        let mut put_away = Vec::new();
        self.shared.records.write(Durability::Durable, |session| {
            self.end_dead_leases(session)
                .map_err(PreparationError::from)?;
            self.sweep_blobs(session, &candidates.blobs, &mut report, &mut put_away)?;
            self.sweep_layers(session, &candidates.layers, &mut report, &mut put_away)?;
            self.shared.step("sweep: before commit");
            Ok::<_, SweepError>(())
        })?;
        self.shared.step("sweep: committed");
        for path in put_away {
            delete_put_away(&path)?;
        }
        Ok(report)
    }

    fn sweep_blobs(
        &self,
        session: &Session<'_>,
        candidates: &BTreeSet<Digest>,
        report: &mut GarbageReport,
        put_away: &mut Vec<PathBuf>,
    ) -> Result<(), SweepError> {
        if candidates.is_empty() {
            return Ok(());
        }
        let reached = session.reached_blobs()?;
        for blob in candidates.iter().filter(|blob| !reached.contains(blob)) {
            let size = self.shared.blobs.contains(blob)?;
            session.forget_blob(blob)?;
            if let Some(path) = self.shared.put_away(&self.shared.blobs.path(blob))? {
                report.blobs += 1;
                report.blob_bytes += size.unwrap_or(0);
                put_away.push(path);
            }
            self.shared.step("sweep: blob put away");
        }
        Ok(())
    }

    fn sweep_layers(
        &self,
        session: &Session<'_>,
        candidates: &BTreeSet<DiffId>,
        report: &mut GarbageReport,
        put_away: &mut Vec<PathBuf>,
    ) -> Result<(), SweepError> {
        for diff_id in candidates {
            if session.layer_is_reached(*diff_id)? {
                continue;
            }
            let layer = session.layer(*diff_id)?;
            session.delete_layer(*diff_id)?;
            if let Some(path) = self.shared.put_away(&self.shared.layer_path(*diff_id))? {
                report.layers += 1;
                report.layer_bytes += layer.map_or(0, |layer| layer.size);
                put_away.push(path);
            }
            self.shared.step("sweep: layer put away");
        }
        Ok(())
    }

    fn everything_on_disk(&self) -> Result<Candidates, SweepError> {
        let mut candidates = Candidates {
            blobs: self.shared.blobs.list()?.into_iter().collect(),
            layers: BTreeSet::new(),
        };
        // Rows whose folder is gone are candidates too.
        self.shared.records.read::<_, RecordsError>(|session| {
            let rows = session.layer_rows()?;
            candidates.layers.extend(rows.iter().map(|row| row.diff_id));
            Ok(())
        })?;
        for (diff_id, partial) in self.layer_folders()? {
            if !partial {
                candidates.layers.insert(diff_id);
            }
        }
        Ok(candidates)
    }

    /// The folders under `layers/`, and which of them are still being unpacked.
    pub(crate) fn layer_folders(&self) -> Result<Vec<(DiffId, bool)>, SweepError> {
        let path = self.shared.layers();
        let mut folders = Vec::new();
        for entry in std::fs::read_dir(&path).map_err(io_error(&path))? {
            let name = entry.map_err(io_error(&path))?.file_name();
            folders.extend(parse_folder_name(&name.to_string_lossy()));
        }
        Ok(folders)
    }

    fn sweep_partial_layers(
        &self,
        unfinished: Unfinished,
        report: &mut GarbageReport,
    ) -> Result<(), SweepError> {
        for (diff_id, partial) in self.layer_folders()? {
            let folder = self.shared.partial_layer_path(diff_id);
            if !partial || !self.is_abandoned(&folder, unfinished)? {
                continue;
            }
            let lock = match FileLock::try_acquire(&folder.join("lock")) {
                Ok(Some(lock)) => lock,
                // Somebody is at work, or has just finished.
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(io_error(&folder)(error)),
            };
            let put_away = self.shared.put_away(&folder)?;
            drop(lock);
            if let Some(path) = put_away {
                delete_put_away(&path)?;
                report.unfinished += 1;
            }
        }
        Ok(())
    }

    // Without a state nothing can be taken up; with one, its age decides.
    fn is_abandoned(&self, folder: &Path, unfinished: Unfinished) -> Result<bool, SweepError> {
        match std::fs::metadata(folder.join("state")).and_then(|metadata| metadata.modified()) {
            Ok(modified) => Ok(self.is_old(modified, unfinished)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(io_error(folder)(error)),
        }
    }

    fn sweep_downloads(
        &self,
        unfinished: Unfinished,
        report: &mut GarbageReport,
    ) -> Result<(), SweepError> {
        for download in self.shared.blobs.unfinished()? {
            if self.is_old(download.modified, unfinished)
                && self.shared.blobs.remove_unfinished(&download.digest)?
            {
                report.unfinished += 1;
                report.unfinished_bytes += download.size;
            }
        }
        Ok(())
    }

    fn is_old(&self, modified: std::time::SystemTime, unfinished: Unfinished) -> bool {
        match unfinished {
            Unfinished::Keep => false,
            Unfinished::DeleteOlderThan(age) => self.age(modified) >= age,
        }
    }

    fn age(&self, modified: std::time::SystemTime) -> SignedDuration {
        let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::MIN);
        self.shared.clock.now().duration_since(modified)
    }

    fn sweep_temporary_files(&self) -> Result<(), SweepError> {
        let root = &self.shared.root;
        let folders = ["", "blobs/sha256", "blobs/sha512"].map(|name| root.join(name));
        for folder in folders {
            for entry in std::fs::read_dir(&folder).map_err(io_error(&folder))? {
                let path = entry.map_err(io_error(&folder))?.path();
                if path.extension().is_none_or(|extension| extension != "tmp") {
                    continue;
                }
                let modified = match path.metadata().and_then(|metadata| metadata.modified()) {
                    Ok(modified) => modified,
                    // Renamed to its final name in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(io_error(&path)(error)),
                };
                if self.age(modified) >= TEMPORARY_LIFETIME {
                    delete_put_away(&path)?;
                }
            }
        }
        Ok(())
    }
}

pub(crate) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> SweepError {
    let path = path.to_path_buf();
    move |source| SweepError::Io { path, source }
}
