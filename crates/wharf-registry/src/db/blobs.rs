//! Blobs: which object holds the bytes of a digest, and which repositories may show it.

use wharf_oci::Digest;

use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::storage::{ObjectKey, StoredObject};

/// A blob that storage holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobRecord {
    /// Where its bytes lie.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
}

/// A key that is not one can only have been written by something else than this program.
fn key(text: &str) -> Result<ObjectKey, SqlError> {
    ObjectKey::parse(text).ok_or_else(|| {
        SqlError::Failed(super::sql::Cause::new(format!(
            "blobs.object_key holds {text:?}, which is no key"
        )))
    })
}

fn from_row(mut row: Row) -> Result<BlobRecord, SqlError> {
    Ok(BlobRecord {
        key: key(&row.take::<String>(0))?,
        size: row.take(1),
    })
}

/// The blob `digest` as the repository may show it.
pub fn find_in_repository(
    sql: &mut dyn Sql,
    repository: i64,
    digest: &Digest,
) -> Result<Option<BlobRecord>, SqlError> {
    let row = sql.query_row(
        "SELECT b.object_key, b.size FROM repository_blobs r JOIN blobs b ON b.digest = r.digest \
         WHERE r.repository = $1 AND r.digest = $2 AND b.lost = 0",
        values![repository, digest.to_string()],
    )?;
    row.map(from_row).transpose()
}

/// The blob `digest` as the repository `name` may show it.
pub fn find_named(
    sql: &mut dyn Sql,
    name: &str,
    digest: &Digest,
) -> Result<Option<BlobRecord>, SqlError> {
    let row = sql.query_row(
        "SELECT b.object_key, b.size FROM repositories r JOIN repository_blobs l ON l.repository = r.id \
         JOIN blobs b ON b.digest = l.digest WHERE r.name = $1 AND l.digest = $2 AND b.lost = 0",
        values![name, digest.to_string()],
    )?;
    row.map(from_row).transpose()
}

/// The key of the object that holds the blob `digest`.
pub fn find_key(sql: &mut dyn Sql, digest: &str) -> Result<Option<String>, SqlError> {
    sql.query_value(
        "SELECT object_key FROM blobs WHERE digest = $1",
        values![digest],
    )
}

/// The length of the blob `digest`, wherever it is linked.
pub fn find_size(sql: &mut dyn Sql, digest: &Digest) -> Result<Option<u64>, SqlError> {
    sql.query_value(
        "SELECT size FROM blobs WHERE digest = $1",
        values![digest.to_string()],
    )
}

/// Records what an upload stored. Where the blob was there already, that one stays and the new object is doomed; where its
/// bytes were lost, the new object takes its place.
pub fn insert(
    sql: &mut dyn Sql,
    digest: &Digest,
    object: &StoredObject,
    now: i64,
) -> Result<(), SqlError> {
    let inserted = sql.execute(
        "INSERT INTO blobs (digest, object_key, size, touched) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (digest) DO UPDATE SET object_key = excluded.object_key, size = excluded.size, \
         touched = excluded.touched, lost = 0 WHERE blobs.lost = 1",
        values![digest.to_string(), object.key.as_str(), object.size, now],
    )?;
    if inserted == 0 {
        touch(sql, digest, now)?;
        doom_object(sql, object, now)?;
    }
    Ok(())
}

/// Leaves an object to the collector.
pub fn doom_object(sql: &mut dyn Sql, object: &StoredObject, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO doomed_objects (object_key, size, since) VALUES ($1, $2, $3)",
        values![object.key.as_str(), object.size, now],
    )?;
    Ok(())
}

/// Begins the blob's grace period anew.
pub fn touch(sql: &mut dyn Sql, digest: &Digest, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE blobs SET touched = $1 WHERE digest = $2",
        values![now, digest.to_string()],
    )?;
    Ok(())
}

/// Lets a repository show a blob that storage holds, and begins the grace period of both anew.
pub fn link(sql: &mut dyn Sql, repository: i64, digest: &Digest, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO repository_blobs (repository, digest, linked) VALUES ($1, $2, $3) \
         ON CONFLICT (repository, digest) DO UPDATE SET linked = excluded.linked",
        values![repository, digest.to_string(), now],
    )?;
    keep_for_manifests(sql, repository, digest)?;
    touch(sql, digest, now)
}

/// From here, the manifests that were pushed before this blob keep it.
fn keep_for_manifests(sql: &mut dyn Sql, repository: i64, digest: &Digest) -> Result<(), SqlError> {
    let awaiting = sql.query(
        "DELETE FROM awaited_blobs WHERE repository = $1 AND digest = $2 RETURNING manifest",
        values![repository, digest.to_string()],
    )?;
    for mut row in awaiting {
        let manifest: i64 = row.take(0);
        sql.execute(
            "INSERT INTO manifest_blobs (repository, digest, manifest) VALUES ($1, $2, $3) \
             ON CONFLICT (repository, digest, manifest) DO NOTHING",
            values![repository, digest.to_string(), manifest],
        )?;
    }
    Ok(())
}

/// Begins the grace period of a link anew if it is older than `stale`. `false` if there is no such link.
pub fn touch_link(
    sql: &mut dyn Sql,
    repository: i64,
    digest: &Digest,
    now: i64,
) -> Result<bool, SqlError> {
    let changed = sql.execute(
        "UPDATE repository_blobs SET linked = $1 WHERE repository = $2 AND digest = $3",
        values![now, repository, digest.to_string()],
    )?;
    Ok(changed > 0)
}

/// Whether a manifest of the repository needs the blob.
pub fn is_needed(sql: &mut dyn Sql, repository: i64, digest: &Digest) -> Result<bool, SqlError> {
    let needed: Option<i64> = sql.query_value(
        "SELECT manifest FROM manifest_blobs WHERE repository = $1 AND digest = $2 LIMIT 1",
        values![repository, digest.to_string()],
    )?;
    Ok(needed.is_some())
}

/// Takes the link away; `false` if there was none.
pub fn unlink(sql: &mut dyn Sql, repository: i64, digest: &Digest) -> Result<bool, SqlError> {
    let removed = sql.execute(
        "DELETE FROM repository_blobs WHERE repository = $1 AND digest = $2",
        values![repository, digest.to_string()],
    )?;
    Ok(removed > 0)
}

/// The repositories that show the blob `digest`, with their names and projects: where an anonymous mount may take it from.
pub fn repositories_with(
    sql: &mut dyn Sql,
    digest: &Digest,
    limit: u64,
) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT r.name FROM repository_blobs l JOIN repositories r ON r.id = l.repository \
         WHERE l.digest = $1 LIMIT $2",
        values![digest.to_string(), limit],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

/// How many bytes all blobs have together.
pub fn stored_bytes(sql: &mut dyn Sql) -> Result<u64, SqlError> {
    let bytes = sql.query_value(
        "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs",
        &[],
    )?;
    Ok(bytes.unwrap_or(0))
}

/// How many blobs there are, and how many bytes they have together. Looks at all of them.
pub fn count(sql: &mut dyn Sql) -> Result<(u64, u64), SqlError> {
    let row = sql.query_row(
        "SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blobs",
        &[],
    )?;
    Ok(row.map_or((0, 0), |mut row| (row.take(0), row.take(1))))
}
