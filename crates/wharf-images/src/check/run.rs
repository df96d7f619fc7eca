//! The walk: every blob is read and hashed, every layer's blob is unpacked once more beside the tree
//! and compared with it, every record is compared with the documents that it was made from.
//!
//! Its cost is that of unpacking everything again, less the downloads: a missing, changed or
//! truncated file cannot escape it, and the fresh tree is at once the repair. It needs free space
//! for the largest layer.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use wharf_blobs::{BlobError, BlobState};
use wharf_oci::{DiffId, Digest};

use super::compare::{TreeDifference, compare_trees};
use super::problem::{CheckEvent, CheckReport, FoundProblem, Problem};
use crate::garbage::SweepError;
use crate::layers::{LayerError, LayerFacts, LayerWriter, delete_put_away};
use crate::leases::LeaseError;
use crate::names::NameError;
use crate::records::{Durability, RecordsError};
use crate::snapshots::MountsError;
use crate::store::{ImageStore, OpenError};
use crate::unpack::UnpackError;

/// What to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Put right what can be put right; otherwise only look (a layer's blob is unpacked beside its tree
    /// for that, and deleted again).
    pub repair: bool,
}

/// Why a check could not go on. What is wrong with the images is no error, but a [`Problem`].
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A folder could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The blobs failed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The layers failed.
    #[error(transparent)]
    Layers(#[from] LayerError),
    /// What is in flight could not be judged.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// What is mounted could not be judged.
    #[error(transparent)]
    Mounts(#[from] MountsError),
    /// The folders could not be listed.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// Names could not be written.
    #[error(transparent)]
    Names(#[from] NameError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

/// One check under way.
pub(super) struct Check<'a> {
    pub(super) store: &'a ImageStore,
    pub(super) repair: bool,
    pub(super) events: &'a mut dyn FnMut(CheckEvent),
    pub(super) report: CheckReport,
    pub(super) damaged_blobs: BTreeSet<Digest>,
}

impl ImageStore {
    /// Checks everything, and tells on the way what it does. Other processes may use the store
    /// meanwhile; with [`CheckOptions::repair`] what they pull is left alone too.
    pub fn check(
        &self,
        options: CheckOptions,
        events: &mut dyn FnMut(CheckEvent),
    ) -> Result<CheckReport, CheckError> {
        let mut check = Check {
            store: self,
            repair: options.repair,
            events,
            report: CheckReport::default(),
            damaged_blobs: BTreeSet::new(),
        };
        // Nothing that is looked at may be collected meanwhile.
        let lease = self.lease("system check")?;
        let blobs = self.shared.blobs.list()?;
        lease.protect(&blobs)?;
        let layers = check.layers_to_look_at()?;
        let digests: Vec<Digest> = layers.iter().map(|layer| *layer.digest()).collect();
        lease.protect(&digests)?;
        (check.events)(CheckEvent::Started {
            blobs: blobs.len() as u64,
            layers: layers.len() as u64,
        });
        for line in self.shared.records.integrity_problems()? {
            check.found(Problem::Records(line));
        }
        for blob in &blobs {
            check.blob(blob)?;
        }
        for layer in &layers {
            check.layer(*layer)?;
        }
        check.images()?;
        check.names()?;
        Ok(check.report)
    }
}

impl Check<'_> {
    pub(super) fn found(&mut self, problem: Problem) {
        (self.events)(CheckEvent::Found(problem.clone()));
        self.report.problems.push(FoundProblem {
            problem,
            repaired: false,
        });
    }

    /// What was found last is put right.
    pub(super) fn repaired(&mut self) {
        if let Some(found) = self.report.problems.last_mut() {
            found.repaired = true;
            (self.events)(CheckEvent::Repaired(found.problem.clone()));
        }
    }

    // Those on disk and those that an image should have.
    fn layers_to_look_at(&self) -> Result<BTreeSet<DiffId>, CheckError> {
        let folders = self.store.layer_folders()?;
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the lifetime needs it"
        )]
        let uses = self
            .store
            .shared
            .records
            .read::<_, RecordsError>(|session| session.layer_uses())?;
        let whole = folders.into_iter().filter(|(_, partial)| !partial);
        Ok(whole
            .map(|(diff_id, _)| diff_id)
            .chain(uses.into_iter().map(|(_, diff_id)| diff_id))
            .collect())
    }

    fn blob(&mut self, digest: &Digest) -> Result<(), CheckError> {
        let shared = &self.store.shared;
        match shared.blobs.verify(digest)? {
            BlobState::Good { size } => {
                self.report.blobs += 1;
                self.report.blob_bytes += size;
            }
            // Removed since the list was made; if an image needs it, that is found later.
            BlobState::Missing => (),
            BlobState::Corrupt { actual } => {
                self.damaged_blobs.insert(*digest);
                self.found(Problem::DamagedBlob {
                    digest: *digest,
                    actual,
                });
                if self.repair {
                    let put_away = shared.put_away(&shared.blobs.path(digest))?;
                    put_away.map_or(Ok(()), |path| delete_put_away(&path))?;
                    self.repaired();
                }
            }
        }
        (self.events)(CheckEvent::Blob(*digest));
        Ok(())
    }

    fn layer(&mut self, diff_id: DiffId) -> Result<(), CheckError> {
        let shared = &self.store.shared;
        let on_disk = match shared.read_layer(diff_id) {
            Ok(layer) => layer,
            Err(LayerError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let blob = self.good_blob_of(diff_id)?;
        match (&on_disk, blob) {
            (None, Some(blob)) if self.is_packed(diff_id)? => self.try_out(diff_id, &blob)?,
            (_, Some(blob)) => self.compare_layer(diff_id, on_disk.is_some(), &blob)?,
            (Some(_), None) => self.report.layers_without_blob += 1,
            (None, None) => self.found(Problem::MissingLayer(diff_id)),
        }
        if let Some(layer) = shared.read_layer(diff_id).ok().flatten() {
            let row = shared.records.read(|session| session.layer(diff_id))?;
            // A row that is missing is written by whoever meets the layer next: nothing is wrong.
            if row.as_ref().is_some_and(|row| *row != layer) {
                self.found(Problem::WrongLayerRecord(diff_id));
                if self.repair {
                    shared
                        .records
                        .write(Durability::Durable, |session| session.put_layer(&layer))?;
                    self.repaired();
                }
            }
        }
        (self.events)(CheckEvent::Layer(diff_id));
        Ok(())
    }

    fn good_blob_of(&self, diff_id: DiffId) -> Result<Option<Digest>, CheckError> {
        let blobs = self.store.blobs_of_layer(diff_id)?;
        let mut digests = blobs.into_iter().map(|blob| blob.digest);
        Ok(digests.find(|digest| !self.damaged_blobs.contains(digest)))
    }

    /// Whether the layer is one that a build has written and nobody has looked into.
    fn is_packed(&self, diff_id: DiffId) -> Result<bool, CheckError> {
        let exists = self.store.shared.layer_path(diff_id).exists();
        Ok(!exists && self.store.known_layer(diff_id)?.is_some())
    }

    /// Unpacks a packed layer to see whether that can be done, and leaves it packed.
    fn try_out(&mut self, diff_id: DiffId, blob: &Digest) -> Result<(), CheckError> {
        let Some(mut writer) = self.store.layer_beside(diff_id)? else {
            // Another process unpacks it at this moment.
            return Ok(());
        };
        let unpacked = self.store.unpack_stored(&mut writer, blob);
        writer.abandon()?;
        match unpacked {
            Ok(_) => self.report.layers += 1,
            Err(error) => self.cannot_unpack(diff_id, error)?,
        }
        Ok(())
    }

    fn compare_layer(
        &mut self,
        diff_id: DiffId,
        is_present: bool,
        blob: &Digest,
    ) -> Result<(), CheckError> {
        let place = self.store.shared.layer_path(diff_id);
        let Some(mut writer) = self.store.layer_beside(diff_id)? else {
            // Another process unpacks it at this moment.
            return Ok(());
        };
        let facts = match self.store.unpack_stored(&mut writer, blob) {
            Ok(facts) => facts,
            Err(error) => {
                writer.abandon()?;
                return self.cannot_unpack(diff_id, error);
            }
        };
        self.report.layers += 1;
        if !is_present {
            let problem = if place.exists() {
                let differences = Vec::new();
                Problem::DamagedLayer {
                    diff_id,
                    differences,
                }
            } else {
                Problem::MissingLayer(diff_id)
            };
            return self.replace(problem, writer, facts);
        }
        let differences = differences_between(&writer, &place.join("fs"))?;
        if differences.is_empty() {
            writer.abandon()?;
            return Ok(());
        }
        let problem = Problem::DamagedLayer {
            diff_id,
            differences,
        };
        self.replace(problem, writer, facts)
    }

    fn cannot_unpack(&mut self, diff_id: DiffId, error: UnpackError) -> Result<(), CheckError> {
        match error {
            UnpackError::Layers(error) => Err(error.into()),
            error => {
                self.found(Problem::CannotUnpack {
                    diff_id,
                    reason: error.to_string(),
                });
                Ok(())
            }
        }
    }

    fn replace(
        &mut self,
        problem: Problem,
        writer: LayerWriter,
        facts: LayerFacts,
    ) -> Result<(), CheckError> {
        let diff_id = writer.diff_id();
        self.found(problem);
        if !self.repair {
            writer.abandon()?;
            return Ok(());
        }
        if let Some(target) = self.mounted_at(diff_id)? {
            writer.abandon()?;
            self.found(Problem::MountedLayer { diff_id, target });
            return Ok(());
        }
        writer.finish(facts)?;
        self.repaired();
        Ok(())
    }

    // Exchanging a tree below a mounted overlay would show neither the old nor the new one.
    fn mounted_at(&self, diff_id: DiffId) -> Result<Option<PathBuf>, CheckError> {
        self.store.shared.records.read(|session| {
            for mount in self.store.living_mounts(session)? {
                let layers = session.layers_of(mount.image)?;
                if layers.iter().any(|(layer, _)| *layer == diff_id) {
                    return Ok(Some(mount.target));
                }
            }
            Ok(None)
        })
    }
}

fn differences_between(
    expected: &LayerWriter,
    actual: &Path,
) -> Result<Vec<TreeDifference>, CheckError> {
    let io_error = |source| CheckError::Io {
        path: actual.to_path_buf(),
        source,
    };
    let tree = File::open(actual).map_err(io_error)?;
    compare_trees(expected.tree(), tree.as_fd()).map_err(io_error)
}
