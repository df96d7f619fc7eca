//! What the collector asks and changes. Every change looks again at what the question found: in between, somebody may have
//! come to rely on it.

use super::sql::{Cause, Sql, SqlError, values};
use super::value::Row;
use crate::storage::{ObjectKey, StoredObject};

/// Nothing of the repository needs the blob `l`.
const LINK_IS_UNUSED: &str = "NOT EXISTS (SELECT 1 FROM manifest_blobs m \
                              WHERE m.repository = l.repository AND m.digest = l.digest)";
/// No repository shows the blob `b`, and nothing that could be brought back needs it.
const BLOB_IS_UNUSED: &str = "NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.digest = b.digest) \
                              AND NOT EXISTS (SELECT 1 FROM manifest_blobs m WHERE m.digest = b.digest) \
                              AND NOT EXISTS (SELECT 1 FROM trash_blobs t WHERE t.digest = b.digest)";

/// A blob in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkKey {
    /// The repository's number.
    pub repository: i64,
    /// The blob.
    pub digest: String,
}

/// A page of candidates: what was found, and where the next page begins; `None` at the end.
#[derive(Debug, Clone)]
pub struct Candidates<T, C> {
    /// What may go.
    pub found: Vec<T>,
    /// The last row that was looked at.
    pub next: Option<C>,
}

/// Of the next `limit` links after `after`, those that nothing has used since `cutoff`.
pub fn unused_links(
    sql: &mut dyn Sql,
    after: &LinkKey,
    cutoff: i64,
    limit: u64,
) -> Result<Candidates<LinkKey, LinkKey>, SqlError> {
    let statement = format!(
        "SELECT l.repository, l.digest, CASE WHEN l.linked < $1 AND {LINK_IS_UNUSED} THEN 1 ELSE 0 END \
         FROM repository_blobs l WHERE (l.repository, l.digest) > ($2, $3) \
         ORDER BY l.repository, l.digest LIMIT $4"
    );
    let rows = sql.query(
        &statement,
        values![cutoff, after.repository, &after.digest, limit],
    )?;
    Ok(candidates(
        rows,
        limit,
        |row| LinkKey {
            repository: row.take(0),
            digest: row.take(1),
        },
        2,
    ))
}

/// Takes a link away, if it is still unused; says whether it did.
pub fn unlink(sql: &mut dyn Sql, link: &LinkKey, cutoff: i64) -> Result<bool, SqlError> {
    let statement = format!(
        "DELETE FROM repository_blobs AS l WHERE l.repository = $1 AND l.digest = $2 \
         AND l.linked < $3 AND {LINK_IS_UNUSED}"
    );
    let removed = sql.execute(&statement, values![link.repository, &link.digest, cutoff])?;
    Ok(removed > 0)
}

/// Of the next `limit` blobs after `after`, those that nothing has relied on since `cutoff`.
pub fn unused_blobs(
    sql: &mut dyn Sql,
    after: &str,
    cutoff: i64,
    limit: u64,
) -> Result<Candidates<(String, u64), String>, SqlError> {
    let statement = format!(
        "SELECT b.digest, b.size, CASE WHEN b.touched < $1 AND {BLOB_IS_UNUSED} THEN 1 ELSE 0 END \
         FROM blobs b WHERE b.digest > $2 ORDER BY b.digest LIMIT $3"
    );
    let rows = sql.query(&statement, values![cutoff, after, limit])?;
    let page = candidates(rows, limit, |row| (row.take(0), row.take(1)), 2);
    Ok(Candidates {
        next: page.next.map(|(digest, _): (String, u64)| digest),
        found: page.found,
    })
}

/// Gives a blob up, if it is still unused: from here it is not there, and its object is doomed. Says what is freed.
pub fn doom_blob(
    sql: &mut dyn Sql,
    digest: &str,
    cutoff: i64,
    now: i64,
) -> Result<Option<u64>, SqlError> {
    let statement = format!(
        "DELETE FROM blobs AS b WHERE b.digest = $1 AND b.touched < $2 AND {BLOB_IS_UNUSED} \
         RETURNING object_key, size"
    );
    let Some(mut row) = sql.query_row(&statement, values![digest, cutoff])? else {
        return Ok(None);
    };
    let (key, size): (String, u64) = (row.take(0), row.take(1));
    doom(sql, &key, size, now)?;
    Ok(Some(size))
}

/// Leaves an object to be deleted.
fn doom(sql: &mut dyn Sql, key: &str, size: u64, now: i64) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO doomed_objects (object_key, size, since) VALUES ($1, $2, $3) \
         ON CONFLICT (object_key) DO NOTHING",
        values![key, size, now],
    )?;
    Ok(())
}

/// Dooms an object that lies in storage and that nothing here knows; says whether it did.
pub fn doom_stray(
    sql: &mut dyn Sql,
    object: &StoredObject,
    upload_key: &str,
    now: i64,
) -> Result<bool, SqlError> {
    let known: Option<i64> = sql.query_value(
        "SELECT 1 FROM blobs WHERE object_key = $1 \
         UNION ALL SELECT 1 FROM doomed_objects WHERE object_key = $1 \
         UNION ALL SELECT 1 FROM uploads WHERE object_key = $2",
        values![object.key.as_str(), upload_key],
    )?;
    if known.is_some() {
        return Ok(false);
    }
    doom(sql, object.key.as_str(), object.size, now)?;
    Ok(true)
}

/// Whether an upload has this key.
pub fn knows_upload(sql: &mut dyn Sql, key: &str) -> Result<bool, SqlError> {
    let known: Option<i64> =
        sql.query_value("SELECT 1 FROM uploads WHERE object_key = $1", values![key])?;
    Ok(known.is_some())
}

/// Up to `limit` objects that are to be deleted, the oldest first.
pub fn doomed_objects(sql: &mut dyn Sql, limit: u64) -> Result<Vec<StoredObject>, SqlError> {
    let rows = sql.query(
        "SELECT object_key, size FROM doomed_objects ORDER BY since, object_key LIMIT $1",
        values![limit],
    )?;
    rows.into_iter()
        .map(|mut row| {
            let key: String = row.take(0);
            let parsed = ObjectKey::parse(&key).ok_or_else(|| {
                SqlError::Failed(Cause::new(format!(
                    "doomed_objects holds {key:?}, which is no key"
                )))
            })?;
            Ok(StoredObject {
                key: parsed,
                size: row.take(1),
            })
        })
        .collect()
}

/// Forgets objects that were deleted.
pub fn forget_objects(sql: &mut dyn Sql, keys: &[ObjectKey]) -> Result<(), SqlError> {
    for key in keys {
        sql.execute(
            "DELETE FROM doomed_objects WHERE object_key = $1",
            values![key.as_str()],
        )?;
    }
    Ok(())
}

/// Up to `limit` uploads that nobody has gone on with since `cutoff`: their numbers and rows.
pub fn expired_uploads(
    sql: &mut dyn Sql,
    cutoff: i64,
    limit: u64,
) -> Result<Vec<(i64, String)>, SqlError> {
    let rows = sql.query(
        "SELECT repository, id FROM uploads WHERE touched < $1 AND lease_until < $1 \
         ORDER BY touched LIMIT $2",
        values![cutoff, limit],
    )?;
    Ok(rows
        .into_iter()
        .map(|mut row| (row.take(0), row.take(1)))
        .collect())
}

/// Up to `limit` entries of the trash that were deleted before `cutoff`.
pub fn expired_trash(sql: &mut dyn Sql, cutoff: i64, limit: u64) -> Result<Vec<i64>, SqlError> {
    let rows = sql.query(
        "SELECT id FROM trash WHERE deleted < $1 ORDER BY deleted, id LIMIT $2",
        values![cutoff, limit],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

/// Takes repositories away that an upload made and to which nothing was ever pushed, unless somebody uploads to them.
pub fn delete_hidden_repositories(
    sql: &mut dyn Sql,
    cutoff: i64,
    limit: u64,
) -> Result<u64, SqlError> {
    sql.execute(
        "DELETE FROM repositories WHERE id IN (SELECT r.id FROM repositories r \
         WHERE r.shown = 0 AND r.updated < $1 \
         AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.repository = r.id) \
         AND NOT EXISTS (SELECT 1 FROM repository_blobs l WHERE l.repository = r.id) \
         AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = r.id) LIMIT $2)",
        values![cutoff, limit],
    )
}

fn candidates<T: Clone>(
    rows: Vec<Row>,
    limit: u64,
    key: impl Fn(&mut Row) -> T,
    flag: usize,
) -> Candidates<T, T> {
    let is_full = rows.len() as u64 >= limit;
    let mut found = Vec::new();
    let mut last = None;
    for mut row in rows {
        let may_go: bool = row.take(flag);
        let key = key(&mut row);
        if may_go {
            found.push(key.clone());
        }
        last = Some(key);
    }
    Candidates {
        found,
        next: last.filter(|_| is_full),
    }
}
