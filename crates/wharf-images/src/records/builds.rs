//! What builds remember: layers that steps have made, and digests of files.

use rusqlite::{OptionalExtension as _, Row, params};
use wharf_oci::{Descriptor, DiffId, Digest, MediaType};

use super::columns::{parsed, signed, timestamp, unsigned};
use super::database::{RecordsError, Session};
use crate::builds::{BuildEntry, FileDigest, FileIdentity, NewBuildEntry};

const COLUMNS: &str = "id, shape, diff_id, blob, media_type, blob_size, size, description, portable_keys, created_unix, used_unix, uses";

impl Session<'_> {
    /// The entry that a key names.
    pub(crate) fn build_entry(&self, key: &Digest) -> Result<Option<BuildEntry>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM build_cache WHERE id = (SELECT entry FROM build_cache_keys WHERE key = ?1)"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement
            .query_row([key.to_string()], build_entry)
            .optional()?)
    }

    /// Sum of the sizes of the files of a layer that a step has made.
    pub(crate) fn size_of_built_layer(&self, diff_id: DiffId) -> Result<Option<u64>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT size FROM build_cache WHERE diff_id = ?1 LIMIT 1")?;
        Ok(statement
            .query_row([diff_id.to_string()], |row| unsigned(row, 0))
            .optional()?)
    }

    /// Entries of the same shape, the one used last first.
    pub(crate) fn build_entries_of_shape(
        &self,
        shape: &Digest,
        limit: u32,
    ) -> Result<Vec<BuildEntry>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM build_cache WHERE shape = ?1 ORDER BY used_unix DESC, id DESC LIMIT ?2"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params![shape.to_string(), limit], build_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Entries whose step is described so, the one used last first.
    pub(crate) fn build_entries_described(
        &self,
        description: &str,
        limit: u32,
    ) -> Result<Vec<BuildEntry>, RecordsError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM build_cache WHERE description = ?1 ORDER BY used_unix DESC, id DESC LIMIT ?2"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params![description, limit], build_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What went into an entry's key.
    pub(crate) fn build_fields(&self, entry: i64) -> Result<Option<Vec<u8>>, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT fields FROM build_fields WHERE entry = ?1")?;
        Ok(statement.query_row([entry], |row| row.get(0)).optional()?)
    }

    /// Every entry, the one used last first.
    pub(crate) fn build_entries(&self) -> Result<Vec<BuildEntry>, RecordsError> {
        let sql = format!("SELECT {COLUMNS} FROM build_cache ORDER BY used_unix DESC, id DESC");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([], build_entry)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Puts an entry under its keys. What they named before goes.
    pub(crate) fn put_build_entry(
        &self,
        entry: &NewBuildEntry,
        now: jiff::Timestamp,
    ) -> Result<(), RecordsError> {
        if let Some(key) = entry.keys.first()
            && let Some(old) = self.build_entry(key)?
        {
            self.delete_build_entry(old.id)?;
        }
        let portable: Vec<String> = entry
            .keys
            .iter()
            .take(entry.portable)
            .map(ToString::to_string)
            .collect();
        let portable = portable.join(" ");
        self.0
            .prepare_cached(
                "INSERT INTO build_cache (shape, diff_id, blob, media_type, blob_size, size, description, \
                 portable_keys, created_unix, used_unix, uses) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 0)",
            )?
            .execute(params![
                entry.shape.to_string(),
                entry.diff_id.to_string(),
                entry.blob.digest.to_string(),
                entry.blob.media_type.as_str(),
                signed(entry.blob.size),
                signed(entry.size),
                entry.description,
                portable,
                now.as_second()
            ])?;
        let id = self.0.last_insert_rowid();
        self.0
            .prepare_cached("INSERT INTO build_fields (entry, fields) VALUES (?1, ?2)")?
            .execute(params![id, entry.fields])?;
        for key in &entry.keys {
            self.put_build_key(key, id)?;
        }
        Ok(())
    }

    /// Lets one more key name an entry.
    pub(crate) fn put_build_key(&self, key: &Digest, entry: i64) -> Result<(), RecordsError> {
        self.0
            .prepare_cached("INSERT OR REPLACE INTO build_cache_keys (key, entry) VALUES (?1, ?2)")?
            .execute(params![key.to_string(), entry])?;
        Ok(())
    }

    /// Counts one more use.
    pub(crate) fn use_build_entry(
        &self,
        entry: i64,
        now: jiff::Timestamp,
    ) -> Result<(), RecordsError> {
        self.0
            .prepare_cached("UPDATE build_cache SET uses = uses + 1, used_unix = ?2 WHERE id = ?1")?
            .execute(params![entry, now.as_second()])?;
        Ok(())
    }

    /// Forgets an entry and its keys.
    pub(crate) fn delete_build_entry(&self, entry: i64) -> Result<(), RecordsError> {
        for sql in [
            "DELETE FROM build_cache_keys WHERE entry = ?1",
            "DELETE FROM build_fields WHERE entry = ?1",
            "DELETE FROM build_cache WHERE id = ?1",
        ] {
            self.0.prepare_cached(sql)?.execute([entry])?;
        }
        Ok(())
    }

    /// What is known of a file, if it has not changed since.
    pub(crate) fn file_digest(
        &self,
        file: &FileIdentity,
    ) -> Result<Option<FileDigest>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT digest, capability FROM file_digests WHERE device = ?1 AND inode = ?2 \
             AND size = ?3 AND changed_ns = ?4 AND modified_ns = ?5",
        )?;
        Ok(statement
            .query_row(
                params![
                    file.device.cast_signed(),
                    file.inode.cast_signed(),
                    signed(file.size),
                    file.changed_ns,
                    file.modified_ns
                ],
                |row| {
                    Ok(FileDigest {
                        digest: parsed(row, 0)?,
                        capability: row.get(1)?,
                    })
                },
            )
            .optional()?)
    }

    /// Remembers what a file holds.
    pub(crate) fn put_file_digest(
        &self,
        file: &FileIdentity,
        found: &FileDigest,
    ) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO file_digests (device, inode, size, changed_ns, modified_ns, digest, capability) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                file.device.cast_signed(),
                file.inode.cast_signed(),
                signed(file.size),
                file.changed_ns,
                file.modified_ns,
                found.digest.to_string(),
                found.capability
            ])?;
        Ok(())
    }

    /// Whether more than `limit` digests of files are known.
    pub(crate) fn has_more_file_digests(&self, limit: u64) -> Result<bool, RecordsError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT 1 FROM file_digests LIMIT 1 OFFSET ?1")?;
        Ok(statement.exists([signed(limit)])?)
    }

    /// Forgets all digests of files: without cache entries they save nothing.
    pub(crate) fn delete_file_digests(&self) -> Result<(), RecordsError> {
        self.0
            .prepare_cached("DELETE FROM file_digests")?
            .execute([])?;
        Ok(())
    }
}

fn build_entry(row: &Row<'_>) -> rusqlite::Result<BuildEntry> {
    let media_type = MediaType::new(row.get_ref(4)?.as_str()?);
    Ok(BuildEntry {
        id: row.get(0)?,
        shape: parsed(row, 1)?,
        diff_id: parsed(row, 2)?,
        blob: Descriptor::new(media_type, parsed(row, 3)?, unsigned(row, 5)?),
        size: unsigned(row, 6)?,
        description: row.get(7)?,
        portable_keys: {
            let keys = row.get_ref(8)?.as_str()?.split(' ');
            keys.filter_map(|key| key.parse().ok()).collect()
        },
        created: timestamp(row, 9)?,
        used: timestamp(row, 10)?,
        uses: unsigned(row, 11)?,
    })
}
