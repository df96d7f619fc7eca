//! In which repositories blobs were seen.

use jiff::Timestamp;
use rusqlite::params;
use wharf_oci::{Digest, Repository};

use super::columns::parsed;
use super::database::{RecordsError, Session};

impl Session<'_> {
    /// Remembers that `repository` has `blob`.
    pub(crate) fn put_origin(
        &self,
        blob: &Digest,
        repository: &Repository,
        seen: Timestamp,
    ) -> Result<(), RecordsError> {
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO blob_origins (blob, repository, seen_unix) \
                 VALUES (?1, ?2, ?3)",
            )?
            .execute(params![
                blob.to_string(),
                repository.to_string(),
                seen.as_second()
            ])?;
        Ok(())
    }

    /// Repositories that had `blob`, seen last first.
    pub(crate) fn origins(&self, blob: &Digest) -> Result<Vec<Repository>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT repository FROM blob_origins WHERE blob = ?1 ORDER BY seen_unix DESC, repository",
        )?;
        let rows = statement.query_map([blob.to_string()], |row| parsed(row, 0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets that `repository` has `blob`.
    pub(crate) fn delete_origin(
        &self,
        blob: &Digest,
        repository: &Repository,
    ) -> Result<(), RecordsError> {
        self.0.execute(
            "DELETE FROM blob_origins WHERE blob = ?1 AND repository = ?2",
            params![blob.to_string(), repository.to_string()],
        )?;
        Ok(())
    }

    /// Forgets what was seen before `limit`.
    pub(crate) fn delete_origins_before(&self, limit: Timestamp) -> Result<(), RecordsError> {
        self.0.execute(
            "DELETE FROM blob_origins WHERE seen_unix < ?1",
            [limit.as_second()],
        )?;
        Ok(())
    }
}
