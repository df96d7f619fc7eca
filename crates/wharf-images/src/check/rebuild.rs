//! A new database from what is on disk: images from the manifests among the blobs, layers from their
//! folders or, where those are missing, from the blobs, and the names from `names.json`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use wharf_blobs::FileLock;
use wharf_oci::{
    Descriptor, DiffId, Digest, MANIFEST_LIMIT_BYTES, MediaTypeKind, ParsedManifest, RawManifest,
};

use super::images::{DocumentFault, Documents, read_documents};
use super::problem::{CheckEvent, CheckReport, FoundProblem, Problem};
use super::run::{CheckError, CheckOptions};
use crate::images::RecordImageError;
use crate::layers::{LayerRecord, LayerSlot};
use crate::names::NameError;
use crate::records::{Database, Durability};
use crate::store::{DATABASE, ImageStore, OpenError, OpenOptions, STORE_LOCK};

impl ImageStore {
    /// Opens the store whatever state its database is in, makes the database anew if it is lost or
    /// damaged, and then checks and repairs everything. The damaged database is kept beside the new
    /// one, as `wharf.db.damaged-<time>`.
    pub fn repair(
        root: &Path,
        options: OpenOptions,
        events: &mut dyn FnMut(CheckEvent),
    ) -> Result<(Self, CheckReport), CheckError> {
        let damage = match Self::open(root, options.clone()) {
            Ok(store) => match store.shared.records.integrity_problems() {
                Ok(problems) if problems.is_empty() => {
                    let report = store.check(CheckOptions { repair: true }, events);
                    match report {
                        // A column that does not hold what it should.
                        Err(CheckError::Records(error)) if error.is_damage() => error.to_string(),
                        other => return other.map(|report| (store, report)),
                    }
                }
                Ok(problems) => problems.join("; "),
                Err(error) if error.is_damage() => error.to_string(),
                Err(error) => return Err(error.into()),
            },
            Err(OpenError::Records(error)) if error.is_damage() => error.to_string(),
            Err(OpenError::RecordsLost { .. }) => format!("{DATABASE} is missing"),
            Err(error) => return Err(error.into()),
        };
        let lost = FoundProblem {
            problem: Problem::Records(damage),
            repaired: true,
        };
        events(CheckEvent::Found(lost.problem.clone()));
        events(CheckEvent::Rebuilding);
        let mut problems = vec![lost];
        problems.extend(rebuild(root, &options, events)?);
        let store = Self::open(root, options)?;
        let mut report = store.check(CheckOptions { repair: true }, events)?;
        problems.append(&mut report.problems);
        report.problems = problems;
        report.rebuilt = true;
        Ok((store, report))
    }

    fn restore_records(
        &self,
        events: &mut dyn FnMut(CheckEvent),
    ) -> Result<Vec<FoundProblem>, CheckError> {
        let mut problems = Vec::new();
        let mut blobs = self.shared.blobs.list()?;
        // In one order, so that of several manifests of an image the same one is its last.
        blobs.sort();
        for blob in &blobs {
            if let Some(problem) = self.restore_from(blob)? {
                events(CheckEvent::Found(problem.clone()));
                problems.push(FoundProblem {
                    problem,
                    repaired: false,
                });
            }
        }
        match self.shared.read_journal() {
            Ok(records) => {
                for record in records {
                    match self.set_names(&[record]) {
                        // Its image could not be restored, which is told already.
                        Ok(_) | Err(NameError::NoSuchImage(_) | NameError::Form(_)) => (),
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Err(error) => {
                let problem = Problem::LostNames(error.to_string());
                events(CheckEvent::Found(problem.clone()));
                problems.push(FoundProblem {
                    problem,
                    repaired: false,
                });
            }
        }
        Ok(problems)
    }

    // Restores the image or the index that `blob` is; layers and other content are passed over.
    fn restore_from(&self, blob: &Digest) -> Result<Option<Problem>, CheckError> {
        let size = self.shared.blobs.contains(blob)?.unwrap_or(0);
        if size > MANIFEST_LIMIT_BYTES as u64 {
            return Ok(None);
        }
        let Ok(bytes) = self.shared.blobs.read_document(blob) else {
            // Damage is found by the check that follows.
            return Ok(None);
        };
        let parsed = RawManifest::new(bytes, None, blob.algorithm()).and_then(|raw| raw.parse());
        match parsed {
            Ok(ParsedManifest::Index(index)) => {
                self.shared.records.write(Durability::Durable, |session| {
                    for manifest in &index.manifests {
                        session.put_edge(blob, &manifest.digest)?;
                    }
                    Ok::<_, CheckError>(())
                })?;
                Ok(None)
            }
            // Charts, signatures and other artifacts are manifests too, with configs of their own types.
            Ok(ParsedManifest::Manifest(manifest))
                if manifest.config.media_type.kind() == MediaTypeKind::Config =>
            {
                self.restore_image(blob)
            }
            // attestations, which an index of an image leads to
            Ok(ParsedManifest::Manifest(manifest)) => {
                self.shared.records.write(Durability::Durable, |session| {
                    for part in manifest.layers.iter().chain([&manifest.config]) {
                        session.put_edge(blob, &part.digest)?;
                    }
                    Ok::<_, CheckError>(())
                })?;
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    fn restore_image(&self, manifest: &Digest) -> Result<Option<Problem>, CheckError> {
        let failed = |reason: String| {
            Ok(Some(Problem::CannotRestore {
                manifest: *manifest,
                reason,
            }))
        };
        let documents = match read_documents(self, manifest)? {
            Ok(documents) => documents,
            Err(DocumentFault::Missing(digest)) => {
                return failed(format!("content {digest} is missing"));
            }
            Err(DocumentFault::Bad(digest, reason)) => {
                return failed(format!("content {digest} cannot be understood: {reason}"));
            }
        };
        let Documents {
            raw,
            manifest: parsed,
            config,
        } = documents;
        let mut layers = Vec::with_capacity(parsed.layers.len());
        for (blob, diff_id) in parsed.layers.iter().zip(config.diff_ids()) {
            match self.restore_layer(blob, *diff_id)? {
                Ok(layer) => layers.push((blob.clone(), layer)),
                Err(reason) => return failed(reason),
            }
        }
        match self.record_present_image(&raw, &config, &layers) {
            Ok(_) => Ok(None),
            Err(RecordImageError::Records(error)) => Err(error.into()),
            Err(error) => failed(error.to_string()),
        }
    }

    // The inner error is a reason in words.
    fn restore_layer(
        &self,
        blob: &Descriptor,
        diff_id: DiffId,
    ) -> Result<Result<LayerRecord, String>, CheckError> {
        match self.layer_slot(diff_id)? {
            LayerSlot::Present(layer) => Ok(Ok(layer)),
            LayerSlot::Writable(mut writer) => {
                match self.unpack_stored(&mut writer, &blob.digest) {
                    Ok(facts) => Ok(Ok(writer.finish(facts)?)),
                    Err(error) => {
                        writer.abandon()?;
                        Ok(Err(error.to_string()))
                    }
                }
            }
        }
    }
}

// Makes the new database under another name and gives it its own when it is complete: with a half
// filled one, the garbage collection of another process would take what is not in it yet. Until then
// there is none, and others are told so; another try begins from the start.
fn rebuild(
    root: &Path,
    options: &OpenOptions,
    events: &mut dyn FnMut(CheckEvent),
) -> Result<Vec<FoundProblem>, CheckError> {
    let io_error = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CheckError::Io { path, source }
    };
    let lock = root.join(STORE_LOCK);
    let _lock = FileLock::acquire(&lock).map_err(io_error(&lock))?;
    let place = root.join(DATABASE);
    let aside = format!(".damaged-{}", options.clock.now().as_second());
    let new = with_suffix(&place, ".new");
    for side in ["", "-wal", "-shm"] {
        let path = with_suffix(&place, side);
        if path.exists() {
            std::fs::rename(&path, with_suffix(&path, &aside)).map_err(io_error(&path))?;
        }
        let path = with_suffix(&new, side);
        if path.exists() {
            std::fs::remove_file(&path).map_err(io_error(&path))?;
        }
    }
    let owners = ImageStore::owners_of(root)?;
    let flavour = owners.map_or(options.flavour, |owners| owners.flavour);
    let records = Database::open(&new)?;
    let building = ImageStore::assemble(root, flavour, records, options.clone())?;
    let problems = building.restore_records(events)?;
    // Closing it brings everything into the one file.
    drop(building);
    std::fs::rename(&new, &place).map_err(io_error(&new))?;
    wharf_blobs::sync_directory(root).map_err(io_error(root))?;
    Ok(problems)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
