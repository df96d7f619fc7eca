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
use wharf_layers::{AppliedLayer, Flavour, RememberedEntry, RememberedMetadata};
use wharf_oci::{Descriptor, DiffId, Digest};

use crate::records::{Durability, RecordsError};
use crate::store::{FlavourText, ImageStore, Shared};

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
    /// Whether it hides everything below it, its root folder's content included.
    pub root_is_opaque: bool,
}

/// What unpacking has found out about a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFacts {
    /// Sum of its files' sizes in bytes.
    pub size: u64,
    /// What the tree takes on disk, in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Whether it hides everything below it, its root folder's content included.
    pub root_is_opaque: bool,
    /// What an ordinary user could not set on symbolic links and named pipes.
    pub remembered: Vec<RememberedEntry>,
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
    #[serde(default)]
    pub(crate) root_is_opaque: bool,
    #[serde(with = "FlavourText")]
    pub(crate) flavour: Flavour,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remembered: Vec<RememberedText>,
}

/// A [`RememberedEntry`] in `layer.json`: path and attribute as bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct RememberedText {
    path: Vec<u8>,
    metadata: Vec<u8>,
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
    pub fn blobs_of_layer(&self, diff_id: DiffId) -> Result<Vec<Descriptor>, LayerError> {
        let known = self
            .shared
            .records
            .read(|session| session.blobs_of_layer(diff_id))?;
        let mut present = Vec::with_capacity(known.len());
        for blob in known {
            let path = self.shared.blobs.path(&blob.digest);
            if path.try_exists().map_err(io_error(&path))? {
                present.push(blob);
            }
        }
        Ok(present)
    }

    /// What the ordinary user who unpacked the layer could not set on its symbolic links and named
    /// pipes. (What concerns other files is on these files.)
    pub fn remembered_entries(&self, diff_id: DiffId) -> Result<Vec<RememberedEntry>, LayerError> {
        let file = self.shared.read_layer_file(diff_id)?;
        let texts = file.map(|file| file.remembered).unwrap_or_default();
        Ok(texts
            .into_iter()
            .filter_map(RememberedText::into_entry)
            .collect())
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

    /// The right to unpack a layer once more beside the one that is there, for comparison; `None`
    /// while another process unpacks it. Finishing it puts it in the other one's place.
    pub(crate) fn layer_beside(&self, diff_id: DiffId) -> Result<Option<LayerWriter>, LayerError> {
        let directory = self.shared.partial_layer_path(diff_id);
        loop {
            if !make_partial_folder(&directory)? {
                continue;
            }
            match FileLock::try_acquire(&directory.join("lock")) {
                Ok(Some(lock)) => return self.writer(diff_id, directory, lock).map(Some),
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
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
            if !make_partial_folder(&directory)? {
                continue;
            }
            match acquire(&directory.join("lock")) {
                Ok(Some(lock)) => {
                    // The process before us may have finished it while we waited.
                    if let Some(found) = self.layer(diff_id)? {
                        // At once, so that nobody makes a lock in a folder that is on its way out.
                        self.shared.delete_tree(&directory)?;
                        return Ok(Some(LayerSlot::Present(found)));
                    }
                    let writer = self.writer(diff_id, directory, lock)?;
                    return Ok(Some(LayerSlot::Writable(Box::new(writer))));
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
    ) -> Result<LayerWriter, LayerError> {
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
        Ok(writer)
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
    #[expect(clippy::needless_pass_by_value, reason = "it is used up")]
    pub fn finish(self, facts: LayerFacts) -> Result<LayerRecord, LayerError> {
        let shared = &self.store.shared;
        let record = LayerRecord {
            diff_id: self.diff_id,
            size: facts.size,
            unpacked_bytes: facts.unpacked_bytes,
            entries: facts.entries,
            root_is_opaque: facts.root_is_opaque,
        };
        let path = self.directory.join("layer.json");
        let file = LayerFile {
            format: LAYER_FORMAT,
            diff_id: record.diff_id,
            size: record.size,
            unpacked_bytes: record.unpacked_bytes,
            entries: record.entries,
            root_is_opaque: record.root_is_opaque,
            flavour: shared.flavour,
            remembered: facts.remembered.iter().map(RememberedText::from).collect(),
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

impl From<&AppliedLayer> for LayerFacts {
    fn from(applied: &AppliedLayer) -> Self {
        Self {
            size: applied.content_size_bytes,
            unpacked_bytes: applied.disk_size_bytes,
            entries: applied.entries,
            root_is_opaque: applied.root_is_opaque,
            remembered: applied.remembered.clone(),
        }
    }
}

impl From<&RememberedEntry> for RememberedText {
    fn from(entry: &RememberedEntry) -> Self {
        Self {
            path: entry.path.clone(),
            metadata: entry.metadata.to_bytes(),
        }
    }
}

impl RememberedText {
    // `None` for what a later version wrote.
    fn into_entry(self) -> Option<RememberedEntry> {
        Some(RememberedEntry {
            metadata: RememberedMetadata::from_bytes(&self.metadata)?,
            path: self.path,
        })
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
        let file = self.read_layer_file(diff_id)?;
        Ok(file.map(|file| LayerRecord {
            diff_id,
            size: file.size,
            unpacked_bytes: file.unpacked_bytes,
            entries: file.entries,
            root_is_opaque: file.root_is_opaque,
        }))
    }

    fn read_layer_file(&self, diff_id: DiffId) -> Result<Option<LayerFile>, LayerError> {
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
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
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

/// Deletes what [`Shared::put_away`] has put away. Another process, which empties `removing/`, may
/// have been faster.
pub(crate) fn delete_put_away(path: &Path) -> Result<(), LayerError> {
    remove_tree(path)
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

/// As [`make_folder`], for a folder that another process may rename at any moment: whether it was there long enough to be
/// seen. Its mode matters to nobody but its owner.
fn make_partial_folder(path: &Path) -> Result<bool, LayerError> {
    match std::fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(path.is_dir()),
        Err(error) => Err(io_error(path)(error)),
    }
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
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let removed = File::open(parent).and_then(|parent| wharf_layers::remove_tree(parent, name));
    removed.map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = path.to_path_buf();
    move |source| LayerError::Io { path, source }
}
