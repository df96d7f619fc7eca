//! Tags.

use super::sql::{Sql, SqlError, values};

/// Up to `limit` tags of the repository after `last`, in the order of their bytes.
pub fn names_after(
    sql: &mut dyn Sql,
    repository: i64,
    last: &str,
    limit: u64,
) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT name FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
        values![repository, last, limit],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

/// Lets a tag name a manifest, from now on.
pub fn set(
    sql: &mut dyn Sql,
    repository: i64,
    name: &str,
    manifest: i64,
    by: &str,
    now: i64,
) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO tags (repository, name, manifest, created, updated, pulled, pushed_by) \
         VALUES ($1, $2, $3, $4, $5, NULL, $6) \
         ON CONFLICT (repository, name) DO UPDATE SET \
         manifest = excluded.manifest, updated = excluded.updated, pushed_by = excluded.pushed_by",
        values![repository, name, manifest, now, now, by],
    )?;
    Ok(())
}

/// Notes when a tag was pulled last, if it still names that manifest.
pub fn pulled(sql: &mut dyn Sql, manifest: i64, name: &str, last: i64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE tags SET pulled = $1 WHERE manifest = $2 AND name = $3 AND (pulled IS NULL OR pulled < $4)",
        values![last, manifest, name, last],
    )?;
    Ok(())
}

/// Removes a tag; `false` if there is none.
pub fn delete(sql: &mut dyn Sql, repository: i64, name: &str) -> Result<bool, SqlError> {
    let deleted = sql.execute(
        "DELETE FROM tags WHERE repository = $1 AND name = $2",
        values![repository, name],
    )?;
    Ok(deleted > 0)
}

/// Whether a tag names the manifest.
pub fn is_of_manifest(sql: &mut dyn Sql, manifest: i64, name: &str) -> Result<bool, SqlError> {
    let found: Option<i64> = sql.query_value(
        "SELECT id FROM tags WHERE manifest = $1 AND name = $2",
        values![manifest, name],
    )?;
    Ok(found.is_some())
}

/// The tags of a manifest, in the order of their bytes.
pub fn of_manifest(sql: &mut dyn Sql, manifest: i64) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT name FROM tags WHERE manifest = $1 ORDER BY name",
        values![manifest],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}
