//! Leases: what is in flight, and whose it is.

use jiff::Timestamp;
use rusqlite::params;
use wharf_oci::Digest;

use super::columns::timestamp;
use super::database::{RecordsError, Session};
use crate::process::ProcessIdentity;

/// One row of `leases`.
#[derive(Debug, Clone)]
pub(crate) struct LeaseRow {
    pub(crate) id: i64,
    pub(crate) owner: ProcessIdentity,
    pub(crate) expires: Timestamp,
}

impl Session<'_> {
    /// Makes a lease and gives its number.
    pub(crate) fn insert_lease(
        &self,
        purpose: &str,
        owner: &ProcessIdentity,
        created: Timestamp,
        expires: Timestamp,
    ) -> Result<i64, RecordsError> {
        self.0.execute(
            "INSERT INTO leases (purpose, pid, pid_start, pid_namespace, boot_id, created_unix, \
             expires_unix) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                purpose,
                owner.pid,
                owner.start_ticks,
                owner.pid_namespace,
                owner.boot_id,
                created.as_second(),
                expires.as_second()
            ],
        )?;
        Ok(self.0.last_insert_rowid())
    }

    /// Puts content under a lease.
    pub(crate) fn protect(&self, lease: i64, digests: &[Digest]) -> Result<(), RecordsError> {
        let mut statement = self.0.prepare_cached(
            "INSERT INTO lease_contents (lease, digest) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?;
        for digest in digests {
            statement.execute(params![lease, digest.to_string()])?;
        }
        Ok(())
    }

    /// Whether the lease has not been ended.
    pub(crate) fn lease_holds(&self, lease: i64) -> Result<bool, RecordsError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM leases WHERE id = ?1)";
        Ok(self.0.query_row(sql, [lease], |row| row.get(0))?)
    }

    /// Lets a lease end later.
    pub(crate) fn extend_lease(&self, lease: i64, expires: Timestamp) -> Result<(), RecordsError> {
        self.0.execute(
            "UPDATE leases SET expires_unix = ?2 WHERE id = ?1",
            params![lease, expires.as_second()],
        )?;
        Ok(())
    }

    /// Every lease, dead ones included.
    pub(crate) fn leases(&self) -> Result<Vec<LeaseRow>, RecordsError> {
        let mut statement = self.0.prepare_cached(
            "SELECT id, pid, pid_start, pid_namespace, boot_id, expires_unix FROM leases",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(LeaseRow {
                id: row.get(0)?,
                owner: ProcessIdentity {
                    pid: row.get(1)?,
                    start_ticks: row.get(2)?,
                    pid_namespace: row.get(3)?,
                    boot_id: row.get(4)?,
                },
                expires: timestamp(row, 5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Ends a lease.
    pub(crate) fn delete_lease(&self, lease: i64) -> Result<(), RecordsError> {
        self.0
            .execute("DELETE FROM lease_contents WHERE lease = ?1", [lease])?;
        self.0
            .execute("DELETE FROM leases WHERE id = ?1", [lease])?;
        Ok(())
    }
}
