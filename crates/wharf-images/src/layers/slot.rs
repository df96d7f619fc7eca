//! A layer as it is, or the right to unpack it.

use std::io;
use std::path::{Path, PathBuf};

use wharf_blobs::FileLock;
use wharf_layers::RememberedEntry;
use wharf_oci::{Descriptor, DiffId, Digest};

use super::error::{LayerError, io_error};
use super::folders::make_partial_folder;
use super::record::{LayerRecord, RememberedText};
use super::writer::LayerWriter;
use crate::records::{Durability, RecordsError};
use crate::store::ImageStore;

/// What a process that wants a layer finds.
#[derive(Debug)]
pub enum LayerSlot {
    /// The layer is there.
    Present(LayerRecord),
    /// It is this process's to unpack.
    Writable(Box<LayerWriter>),
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
                Ok(Some(lock)) => {
                    return LayerWriter::open(self, diff_id, directory, lock).map(Some);
                }
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
                    let writer = LayerWriter::open(self, diff_id, directory, lock)?;
                    return Ok(Some(LayerSlot::Writable(Box::new(writer))));
                }
                Ok(None) => return Ok(None),
                // Its last writer has renamed the folder between our two steps.
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
    }
}
