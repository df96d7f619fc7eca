//! Deleted manifests, for as long as they can be brought back.

use super::sql::{Sql, SqlError, values};
use super::value::Row;

/// A deleted manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrashEntry {
    /// Its number.
    pub id: i64,
    /// The project it was in.
    pub project: i64,
    /// The repository it was in.
    pub repository_name: String,
    /// Its digest.
    pub digest: String,
    /// As what it was pushed.
    pub media_type: String,
    /// The tags that named it, a JSON list.
    pub tags: String,
    /// When it was deleted, in microseconds since 1970.
    pub deleted: i64,
    /// By whom.
    pub deleted_by: String,
    /// The bytes as they were pushed.
    pub content: Vec<u8>,
}

const COLUMNS: &str =
    "id, project, repository_name, digest, media_type, tags, deleted, deleted_by, content";

fn from_row(mut row: Row) -> TrashEntry {
    TrashEntry {
        id: row.take(0),
        project: row.take(1),
        repository_name: row.take(2),
        digest: row.take(3),
        media_type: row.take(4),
        tags: row.take(5),
        deleted: row.take(6),
        deleted_by: row.take(7),
        content: row.take(8),
    }
}

/// Keeps a manifest that is about to be deleted, and its blobs with it. The entry's `id` is ignored.
pub fn insert(sql: &mut dyn Sql, entry: &TrashEntry, manifest: i64) -> Result<(), SqlError> {
    let id: Option<i64> = sql.query_value(
        "INSERT INTO trash (project, repository_name, digest, media_type, tags, deleted, deleted_by, content) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
        values![
            entry.project,
            &entry.repository_name,
            &entry.digest,
            &entry.media_type,
            &entry.tags,
            entry.deleted,
            &entry.deleted_by,
            entry.content.clone()
        ],
    )?;
    sql.execute(
        "INSERT INTO trash_blobs (trash, digest) \
         SELECT CAST($1 AS BIGINT), digest FROM manifest_blobs WHERE manifest = $2",
        values![id.unwrap_or_default(), manifest],
    )?;
    Ok(())
}

/// The entry `id` of the project.
pub fn find(sql: &mut dyn Sql, project: i64, id: i64) -> Result<Option<TrashEntry>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM trash WHERE project = $1 AND id = $2");
    Ok(sql
        .query_row(&statement, values![project, id])?
        .map(from_row))
}

/// Up to `limit` entries of the project before the number `before`, the latest first.
pub fn list(
    sql: &mut dyn Sql,
    project: i64,
    before: i64,
    limit: u64,
) -> Result<Vec<TrashEntry>, SqlError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM trash WHERE project = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    let rows = sql.query(&statement, values![project, before, limit])?;
    Ok(rows.into_iter().map(from_row).collect())
}

/// The blobs that an entry keeps.
pub fn blobs(sql: &mut dyn Sql, id: i64) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT digest FROM trash_blobs WHERE trash = $1",
        values![id],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

/// Forgets an entry, which no longer keeps its blobs then.
pub fn delete(sql: &mut dyn Sql, id: i64) -> Result<bool, SqlError> {
    let deleted = sql.execute("DELETE FROM trash WHERE id = $1", values![id])?;
    Ok(deleted > 0)
}
