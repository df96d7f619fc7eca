//! Unpacked layers, and the compressed blobs they came from.

use rusqlite::{OptionalExtension as _, Row, params};
use wharf_oci::{Descriptor, DiffId, Digest, MediaType};

use super::columns::{parsed, signed, unsigned};
use super::database::{RecordsError, Session};
use crate::layers::LayerRecord;

impl Session<'_> {
    /// Says that a layer is on disk.
    pub(crate) fn put_layer(&self, layer: &LayerRecord) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO layers (diff_id, size, unpacked, entries, \
                 root_is_opaque) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                layer.diff_id.to_string(),
                signed(layer.size),
                signed(layer.unpacked_bytes),
                signed(layer.entries),
                layer.root_is_opaque
            ])?;
        Ok(())
    }

    /// The layer, if it is recorded.
    pub(crate) fn layer(&self, diff_id: DiffId) -> Result<Option<LayerRecord>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT diff_id, size, unpacked, entries, root_is_opaque FROM layers WHERE diff_id = ?1",
        )?;
        Ok(statement
            .query_row([diff_id.to_string()], layer_record)
            .optional()?)
    }

    /// Every recorded layer.
    pub(crate) fn layer_rows(&self) -> Result<Vec<LayerRecord>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT diff_id, size, unpacked, entries, root_is_opaque FROM layers ORDER BY diff_id",
        )?;
        let rows = statement.query_map([], layer_record)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets a layer.
    pub(crate) fn delete_layer(&self, diff_id: DiffId) -> Result<(), RecordsError> {
        self.0
            .prepare_cached("DELETE FROM layers WHERE diff_id = ?1")?
            .execute([diff_id.to_string()])?;
        Ok(())
    }

    /// Remembers that `blob` unpacks to `diff_id`.
    pub(crate) fn put_layer_blob(
        &self,
        blob: &Descriptor,
        diff_id: DiffId,
    ) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO layer_blobs (blob, diff_id, media_type, size) \
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                blob.digest.to_string(),
                diff_id.to_string(),
                blob.media_type.as_str(),
                signed(blob.size)
            ])?;
        Ok(())
    }

    /// What `blob` unpacks to, if that is known.
    pub(crate) fn diff_id_of_blob(&self, blob: &Digest) -> Result<Option<DiffId>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT diff_id FROM layer_blobs WHERE blob = ?1")?;
        Ok(statement
            .query_row([blob.to_string()], |row| parsed(row, 0))
            .optional()?)
    }

    /// The blobs that unpack to `diff_id`.
    pub(crate) fn blobs_of_layer(&self, diff_id: DiffId) -> Result<Vec<Descriptor>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT blob, media_type, size FROM layer_blobs WHERE diff_id = ?1 ORDER BY blob",
        )?;
        let rows = statement.query_map([diff_id.to_string()], |row| {
            let media_type = MediaType::new(row.get_ref(1)?.as_str()?);
            Ok(Descriptor::new(
                media_type,
                parsed(row, 0)?,
                unsigned(row, 2)?,
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn layer_record(row: &Row<'_>) -> rusqlite::Result<LayerRecord> {
    Ok(LayerRecord {
        diff_id: parsed(row, 0)?,
        size: unsigned(row, 1)?,
        unpacked_bytes: unsigned(row, 2)?,
        entries: unsigned(row, 3)?,
        root_is_opaque: row.get(4)?,
    })
}
