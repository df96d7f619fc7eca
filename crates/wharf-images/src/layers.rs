//! Unpacked layers: who may write one, how it is taken up after a crash, and when it is whole.
//!
//! A layer is whole when its folder has its final name; the row in the database only repeats what
//! `layer.json` says, and is written again if it is missing.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wharf_blobs::{BootId, FileLock};
use wharf_oci::{Descriptor, DiffId, Digest};

use crate::records::{Durability, RecordsError};
use crate::store::{Flavour, ImageStore, Shared};

pub(crate) const LAYER_FORMAT: u32 = 1;
const PARTIAL: &str = ".partial";

/// An unpacked layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRecord {
    /// The digest of its tar.
    pub diff_id: DiffId,
    /// Sum of its files' sizes in bytes, as Docker counts a layer.
    pub size: u64,
    /// What the tree takes on disk, in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
}

/// What unpacking has found out about a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerFacts {
    /// Sum of its files' sizes in bytes.
    pub size: u64,
    /// What the tree takes on disk, in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
}

/// What a process that wants a layer finds.
#[derive(Debug)]
pub enum LayerSlot {
    /// The layer is there.
    Present(LayerRecord),
    /// It is this process's to unpack.
    Writable(Box<LayerWriter>),
}

/// The right to unpack one layer. Dropping it keeps what is there for the next attempt.
#[derive(Debug)]
pub struct LayerWriter {
    store: ImageStore,
    diff_id: DiffId,
    directory: PathBuf,
    tree: OwnedFd,
    lock: FileLock,
}

/// Why a layer could not be taken up, written or finished.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The disk failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// `layer.json` is not what it should be.
    #[error("{} is damaged: {source}; run `wharf system check --repair`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The layer was written by a later version.
    #[error("{} has format {found}, this program knows format {LAYER_FORMAT}: use a newer wharf", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// A checkpoint could not be written as JSON.
    #[error("cannot save how far layer {diff_id} is unpacked: {source}")]
    Checkpoint {
        /// The layer.
        diff_id: DiffId,
        /// The cause.
        source: serde_json::Error,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct LayerFile {
    pub(crate) format: u32,
    pub(crate) diff_id: DiffId,
    pub(crate) size: u64,
    pub(crate) unpacked_bytes: u64,
    pub(crate) entries: u64,
    pub(crate) flavour: Flavour,
}

#[derive(Serialize, Deserialize)]
struct State<T> {
    format: u32,
    boot: BootId,
    checkpoint: T,
}

impl ImageStore {
    /// Takes the layer as it is, or the right to unpack it; waits while another process unpacks it.
    /// Put the diff ID under a lease before, so that it is not collected.
    pub fn layer_slot(&self, diff_id: DiffId) -> Result<LayerSlot, LayerError> {
        loop {
            if let Some(slot) =
                self.layer_slot_with(diff_id, |path| FileLock::acquire(path).map(Some))?
            {
                return Ok(slot);
            }
        }
    }

    /// As [`ImageStore::layer_slot`], but `None` at once while another process unpacks it.
    pub fn try_layer_slot(&self, diff_id: DiffId) -> Result<Option<LayerSlot>, LayerError> {
        self.layer_slot_with(diff_id, FileLock::try_acquire)
    }

    /// The layer, if it is there.
    pub fn layer(&self, diff_id: DiffId) -> Result<Option<LayerRecord>, LayerError> {
        let Some(found) = self.shared.read_layer(diff_id)? else {
            return Ok(None);
        };
        let recorded = self.shared.records.read(|session| session.layer(diff_id))?;
        if recorded.is_none() {
            // Its process died between naming and recording it.
            self.shared
                .records
                .write(Durability::Volatile, |session| session.put_layer(&found))?;
        }
        Ok(Some(found))
    }

    /// The layer that `blob` unpacks to, if that is known from an earlier pull or load and the layer
    /// is there: then neither is needed again.
    pub fn layer_of_blob(&self, blob: &Digest) -> Result<Option<LayerRecord>, LayerError> {
        let known = self
            .shared
            .records
            .read(|session| session.diff_id_of_blob(blob))?;
        known.map_or(Ok(None), |diff_id| self.layer(diff_id))
    }

    /// Compressed and plain forms of the layer that are in the store.
    pub fn blobs_of_layer(&self, diff_id: DiffId) -> Result<Vec<Descriptor>, RecordsError> {
        self.shared
            .records
            .read(|session| session.blobs_of_layer(diff_id))
    }

    /// Remembers that `blob`, which is in the store, is a form of the layer: it was compressed here.
    pub fn remember_layer_blob(
        &self,
        blob: &Descriptor,
        diff_id: DiffId,
    ) -> Result<(), RecordsError> {
        self.shared.records.write(Durability::Volatile, |session| {
            session.put_layer_blob(blob, diff_id)
        })
    }

    /// The folder that holds the layer's tree.
    pub fn layer_tree(&self, diff_id: DiffId) -> PathBuf {
        self.shared.layer_path(diff_id).join("fs")
    }

    fn layer_slot_with(
        &self,
        diff_id: DiffId,
        acquire: impl Fn(&Path) -> io::Result<Option<FileLock>>,
    ) -> Result<Option<LayerSlot>, LayerError> {
        let directory = self.shared.partial_layer_path(diff_id);
        loop {
            if let Some(found) = self.layer(diff_id)? {
                return Ok(Some(LayerSlot::Present(found)));
            }
            make_folder(&directory)?;
            match acquire(&directory.join("lock")) {
                Ok(Some(lock)) => {
                    // The process before us may have finished it while we waited.
                    if let Some(found) = self.layer(diff_id)? {
                        remove_tree(&directory)?;
                        return Ok(Some(LayerSlot::Present(found)));
                    }
                    return self.writer(diff_id, directory, lock).map(Some);
                }
                Ok(None) => return Ok(None),
                // Its last writer has renamed the folder between our two steps.
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
    }

    fn writer(
        &self,
        diff_id: DiffId,
        directory: PathBuf,
        lock: FileLock,
    ) -> Result<LayerSlot, LayerError> {
        let tree = directory.join("fs");
        make_folder(&tree)?;
        let opened = open_folder(&tree)?;
        let mut writer = LayerWriter {
            store: self.clone(),
            diff_id,
            directory,
            tree: opened,
            lock,
        };
        if writer.checkpoint::<serde_json::Value>()?.is_none() {
            // What a dead process left without a checkpoint that can be believed is of no use.
            writer.restart()?;
        }
        Ok(LayerSlot::Writable(Box::new(writer)))
    }
}

impl LayerWriter {
    /// Which layer.
    pub fn diff_id(&self) -> DiffId {
        self.diff_id
    }

    /// The folder to unpack into.
    pub fn tree(&self) -> BorrowedFd<'_> {
        self.tree.as_fd()
    }

    /// The path of the folder to unpack into.
    pub fn tree_path(&self) -> PathBuf {
        self.directory.join("fs")
    }

    /// How far an earlier attempt of this boot came; `None` if there was none that can be believed.
    pub fn checkpoint<T: DeserializeOwned>(&self) -> Result<Option<T>, LayerError> {
        let path = self.directory.join("state");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path)(error)),
        };
        // A state that does not parse is from another version: as if there were none.
        Ok(serde_json::from_slice::<State<T>>(&bytes)
            .ok()
            .filter(|state| state.format == LAYER_FORMAT && state.boot == self.store.shared.boot)
            .map(|state| state.checkpoint))
    }

    /// Remembers how far this attempt is. Safe against the death of the process, and believed only
    /// within the same boot: nothing is synced.
    pub fn save_checkpoint<T: Serialize>(&self, checkpoint: &T) -> Result<(), LayerError> {
        let state = State {
            format: LAYER_FORMAT,
            boot: self.store.shared.boot.clone(),
            checkpoint,
        };
        let json = serde_json::to_vec(&state).map_err(|source| LayerError::Checkpoint {
            diff_id: self.diff_id,
            source,
        })?;
        let (new, path) = (
            self.directory.join("state.new"),
            self.directory.join("state"),
        );
        write_unsynced(&new, &json)?;
        std::fs::rename(&new, &path).map_err(io_error(&path))
    }

    /// Throws away what is unpacked and begins with an empty folder.
    pub fn restart(&mut self) -> Result<(), LayerError> {
        let state = self.directory.join("state");
        remove_file_if_there(&state)?;
        let tree = self.tree_path();
        self.store.shared.delete_tree(&tree)?;
        make_folder(&tree)?;
        self.tree = open_folder(&tree)?;
        Ok(())
    }

    /// Syncs the tree, gives the layer its final name and records it.
    pub fn finish(self, facts: LayerFacts) -> Result<LayerRecord, LayerError> {
        let shared = &self.store.shared;
        let record = LayerRecord {
            diff_id: self.diff_id,
            size: facts.size,
            unpacked_bytes: facts.unpacked_bytes,
            entries: facts.entries,
        };
        let path = self.directory.join("layer.json");
        let file = LayerFile {
            format: LAYER_FORMAT,
            diff_id: record.diff_id,
            size: record.size,
            unpacked_bytes: record.unpacked_bytes,
            entries: record.entries,
            flavour: shared.flavour,
        };
        let json = serde_json::to_vec(&file).map_err(|source| LayerError::Damaged {
            path: path.clone(),
            source,
        })?;
        write_unsynced(&path, &json)?;
        shared.step("layer: before sync");
        let sync = shared.blobs.group_sync();
        sync.sync().map_err(io_error(&self.directory))?;
        let place = shared.layer_path(self.diff_id);
        // Only what `layer` would not take can be in the way.
        shared.delete_tree(&place)?;
        std::fs::rename(&self.directory, &place).map_err(io_error(&place))?;
        wharf_blobs::sync_directory(&shared.layers()).map_err(io_error(&place))?;
        shared.step("layer: named");
        for name in ["state", "state.new", "lock"] {
            remove_file_if_there(&place.join(name))?;
        }
        drop(self.lock);
        shared.step("layer: before record");
        shared
            .records
            .write(Durability::Volatile, |session| session.put_layer(&record))?;
        Ok(record)
    }

    /// Gives up and leaves nothing for another attempt.
    pub fn abandon(self) -> Result<(), LayerError> {
        let put_away = self.store.shared.put_away(&self.directory)?;
        drop(self.lock);
        put_away.map_or(Ok(()), |tree| remove_tree(&tree))
    }
}

impl Shared {
    /// Where the layer is, or would be.
    pub(crate) fn layer_path(&self, diff_id: DiffId) -> PathBuf {
        self.layers().join(folder_name(diff_id))
    }

    /// Where the layer is while it is unpacked.
    pub(crate) fn partial_layer_path(&self, diff_id: DiffId) -> PathBuf {
        self.layers().join(folder_name(diff_id) + PARTIAL)
    }

    /// What `layer.json` of a whole layer says.
    pub(crate) fn read_layer(&self, diff_id: DiffId) -> Result<Option<LayerRecord>, LayerError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = self.layer_path(diff_id).join("layer.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path)(error)),
        };
        let damaged = |source| LayerError::Damaged {
            path: path.clone(),
            source,
        };
        let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != LAYER_FORMAT {
            return Err(LayerError::Format {
                path,
                found: format,
            });
        }
        let file: LayerFile = serde_json::from_slice(&bytes).map_err(damaged)?;
        Ok(Some(LayerRecord {
            diff_id,
            size: file.size,
            unpacked_bytes: file.unpacked_bytes,
            entries: file.entries,
        }))
    }

    /// Moves a folder or file to `removing/`, to be deleted later; where it is then, if it was there.
    pub(crate) fn put_away(&self, path: &Path) -> Result<Option<PathBuf>, LayerError> {
        let removing = self.removing();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Another process may put away a folder of the same name at the same time.
        for attempt in 0_u32.. {
            let place = removing.join(format!("{name}.{}.{attempt}", std::process::id()));
            match std::fs::rename(path, &place) {
                Ok(()) => return Ok(Some(place)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                    ) => {}
                Err(error) => return Err(io_error(path)(error)),
            }
        }
        Ok(None)
    }

    /// Deletes a folder, if it is there, so that it is gone from its place at once.
    fn delete_tree(&self, path: &Path) -> Result<(), LayerError> {
        let put_away = self.put_away(path)?;
        put_away.map_or(Ok(()), |tree| remove_tree(&tree))
    }

    /// Deletes what is in `removing/`, also what another process left there.
    pub(crate) fn empty_removing(&self) -> Result<(), LayerError> {
        let removing = self.removing();
        for entry in std::fs::read_dir(&removing).map_err(io_error(&removing))? {
            let path = entry.map_err(io_error(&removing))?.path();
            delete_put_away(&path)?;
        }
        Ok(())
    }
}

/// Deletes what [`Shared::put_away`] has put away.
pub(crate) fn delete_put_away(path: &Path) -> Result<(), LayerError> {
    let is_folder = std::fs::symlink_metadata(path).map(|metadata| metadata.is_dir());
    match is_folder {
        Ok(true) => remove_tree(path),
        Ok(false) => remove_file_if_there(path),
        // Another process, which empties `removing/`, was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io_error(path)(error)),
    }
}

/// The diff ID whose folder is called `name`, and whether it is still being unpacked.
pub(crate) fn parse_folder_name(name: &str) -> Option<(DiffId, bool)> {
    let (name, partial) = match name.strip_suffix(PARTIAL) {
        Some(name) => (name, true),
        None => (name, false),
    };
    let digest = name.replacen('-', ":", 1).parse().ok()?;
    Some((DiffId::new(digest), partial))
}

fn folder_name(diff_id: DiffId) -> String {
    let digest = diff_id.digest();
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

fn open_folder(path: &Path) -> Result<OwnedFd, LayerError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|error| io_error(path)(error.into()))
}

fn make_folder(path: &Path) -> Result<(), LayerError> {
    std::fs::create_dir_all(path)
        // A layer need not say what the root folder is like: then it is so, whatever the umask.
        .and_then(|()| std::fs::set_permissions(path, Permissions::from_mode(0o755)))
        .map_err(io_error(path))
}

fn write_unsynced(path: &Path, content: &[u8]) -> Result<(), LayerError> {
    File::create(path)
        .and_then(|mut file| file.write_all(content))
        .map_err(io_error(path))
}

fn remove_file_if_there(path: &Path) -> Result<(), LayerError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

fn remove_tree(path: &Path) -> Result<(), LayerError> {
    match std::fs::remove_dir_all(path) {
        // Another process deletes the same tree.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = path.to_path_buf();
    move |source| LayerError::Io { path, source }
}
