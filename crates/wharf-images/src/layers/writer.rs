//! The right to unpack one layer, and how far the work is.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use wharf_blobs::{BootId, FileLock};
use wharf_oci::DiffId;

use super::error::{LayerError, io_error};
use super::folders::{make_folder, open_folder, remove_file_if_there, write_unsynced};
use super::put_away::remove_tree;
use super::record::{LAYER_FORMAT, LayerFacts, LayerFile, LayerRecord, RememberedText};
use crate::records::Durability;
use crate::store::ImageStore;

/// The right to unpack one layer. Dropping it keeps what is there for the next attempt.
#[derive(Debug)]
pub struct LayerWriter {
    store: ImageStore,
    diff_id: DiffId,
    directory: PathBuf,
    tree: OwnedFd,
    lock: FileLock,
}

impl LayerWriter {
    pub(super) fn open(
        store: &ImageStore,
        diff_id: DiffId,
        directory: PathBuf,
        lock: FileLock,
    ) -> Result<Self, LayerError> {
        let tree = directory.join("fs");
        make_folder(&tree)?;
        let opened = open_folder(&tree)?;
        let mut writer = Self {
            store: store.clone(),
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

#[derive(Serialize, Deserialize)]
struct State<T> {
    format: u32,
    boot: BootId,
    checkpoint: T,
}
