//! Uploads between two requests.

use wharf_oci::{Algorithm, HasherState};

use super::sql::{Cause, Sql, SqlError, values};
use super::value::Row;
use crate::storage::{ObjectKey, PendingUpload};

/// How long a lease holds without being renewed, in microseconds: a node that died keeps an upload from others this long.
pub const LEASE_MICROS: i64 = 20_000_000;

/// An upload of a repository.
#[derive(Debug, Clone)]
pub struct UploadRecord {
    /// Who began it. Whoever may push to the repository and knows the upload may go on with it: its digest says what it is.
    pub owner: String,
    /// What storage knows of it.
    pub pending: PendingUpload,
}

/// Records a new upload.
pub fn insert(
    sql: &mut dyn Sql,
    id: &str,
    repository: i64,
    owner: &str,
    pending: &PendingUpload,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO uploads (id, repository, object_key, algorithm, stored, hash, notes, owner, lease, lease_until, touched) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL, 0, $9)",
        values![
            id,
            repository,
            pending.key.as_str(),
            pending.algorithm.name(),
            pending.offset,
            pending.hash.as_bytes().to_vec(),
            &pending.notes,
            owner,
            now
        ],
    )?;
    Ok(())
}

/// The upload `id` of the repository.
pub fn find(
    sql: &mut dyn Sql,
    repository: i64,
    id: &str,
) -> Result<Option<UploadRecord>, SqlError> {
    let row = sql.query_row(
        "SELECT object_key, algorithm, stored, hash, notes, owner FROM uploads \
         WHERE id = $1 AND repository = $2",
        values![id, repository],
    )?;
    row.map(|row| from_row(row, id)).transpose()
}

/// Where the uploads lie that were begun in a project.
pub fn of_project(sql: &mut dyn Sql, project: i64) -> Result<Vec<ObjectKey>, SqlError> {
    let rows = sql.query(
        "SELECT u.object_key, u.algorithm, u.stored, u.hash, u.notes, u.owner FROM uploads u \
         JOIN repositories r ON r.id = u.repository WHERE r.project = $1",
        values![project],
    )?;
    let pending = |row| from_row(row, "in a project").map(|upload| upload.pending.key);
    rows.into_iter().map(pending).collect()
}

fn from_row(mut row: Row, id: &str) -> Result<UploadRecord, SqlError> {
    let (key, algorithm): (String, String) = (row.take(0), row.take(1));
    let (Some(key), Some(algorithm)) = (ObjectKey::parse(&key), Algorithm::from_name(&algorithm))
    else {
        return Err(SqlError::Failed(Cause::new(format!(
            "the row of upload {id} is damaged"
        ))));
    };
    Ok(UploadRecord {
        pending: PendingUpload {
            key,
            algorithm,
            offset: row.take(2),
            hash: HasherState::from_bytes(row.take(3)),
            notes: row.take(4),
        },
        owner: row.take(5),
    })
}

/// Takes the lease of an upload, if nobody holds it.
pub fn take_lease(sql: &mut dyn Sql, id: &str, lease: &str, now: i64) -> Result<bool, SqlError> {
    let taken = sql.execute(
        "UPDATE uploads SET lease = $1, lease_until = $2 \
         WHERE id = $3 AND (lease IS NULL OR lease_until < $4)",
        values![lease, now + LEASE_MICROS, id, now],
    )?;
    Ok(taken > 0)
}

/// Until when somebody holds an upload, unless he gives it back or keeps it for longer; `None` if nobody does.
pub fn lease_until(sql: &mut dyn Sql, id: &str) -> Result<Option<i64>, SqlError> {
    sql.query_value(
        "SELECT lease_until FROM uploads WHERE id = $1 AND lease IS NOT NULL",
        values![id],
    )
}

/// Keeps a lease for longer; `false` if it was lost.
pub fn renew_lease(sql: &mut dyn Sql, id: &str, lease: &str, now: i64) -> Result<bool, SqlError> {
    let renewed = sql.execute(
        "UPDATE uploads SET lease_until = $1 WHERE id = $2 AND lease = $3",
        values![now + LEASE_MICROS, id, lease],
    )?;
    Ok(renewed > 0)
}

/// Gives a lease back without a change.
pub fn release_lease(sql: &mut dyn Sql, id: &str, lease: &str) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE uploads SET lease = NULL WHERE id = $1 AND lease = $2",
        values![id, lease],
    )?;
    Ok(())
}

/// Gives back what a process held that died: for the only process of a database, at its start.
pub fn release_all_leases(sql: &mut dyn Sql) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE uploads SET lease = NULL WHERE lease IS NOT NULL",
        &[],
    )?;
    Ok(())
}

/// Records what one request stored and gives its lease back; `false` if the lease was lost.
pub fn store(
    sql: &mut dyn Sql,
    id: &str,
    lease: &str,
    pending: &PendingUpload,
    now: i64,
) -> Result<bool, SqlError> {
    let stored = sql.execute(
        "UPDATE uploads SET stored = $1, hash = $2, notes = $3, touched = $4, lease = NULL \
         WHERE id = $5 AND lease = $6",
        values![
            pending.offset,
            pending.hash.as_bytes().to_vec(),
            &pending.notes,
            now,
            id,
            lease
        ],
    )?;
    Ok(stored > 0)
}

/// Takes an upload whose lease is held out; `false` if the lease was lost.
pub fn delete_leased(sql: &mut dyn Sql, id: &str, lease: &str) -> Result<bool, SqlError> {
    let deleted = sql.execute(
        "DELETE FROM uploads WHERE id = $1 AND lease = $2",
        values![id, lease],
    )?;
    Ok(deleted > 0)
}

/// How many uploads there are that are neither finished nor given up.
pub fn count(sql: &mut dyn Sql) -> Result<u64, SqlError> {
    let count = sql.query_value("SELECT COUNT(*) FROM uploads", &[])?;
    Ok(count.unwrap_or(0))
}
