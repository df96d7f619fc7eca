//! What storage has yet to be told, so that this database can be made anew from it.

use super::sql::{Cause, Sql, SqlError, values};
use super::value::Row;

/// A record in storage that has to be written, or deleted, after the present state of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedRecord {
    /// The row's number.
    pub id: i64,
    /// What it is about.
    pub kind: RecordKind,
    /// The project or repository.
    pub name: String,
    /// The tag or digest; empty for a project.
    pub item: String,
}

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A project.
    Project,
    /// A manifest in a repository.
    Manifest,
    /// A tag of a repository.
    Tag,
}

impl RecordKind {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Project => "project",
            Self::Manifest => "manifest",
            Self::Tag => "tag",
        }
    }
}

/// Notes that a record has to be brought up to date; in the transaction of the change itself.
pub fn queue(sql: &mut dyn Sql, kind: RecordKind, name: &str, item: &str) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO record_queue (kind, name, item) VALUES ($1, $2, $3)",
        values![kind.as_str(), name, item],
    )?;
    Ok(())
}

/// As [`queue`] for all tags of a manifest, which may be very many.
pub fn queue_tags(sql: &mut dyn Sql, name: &str, manifest: i64) -> Result<(), SqlError> {
    sql.execute(
        "INSERT INTO record_queue (kind, name, item) \
         SELECT 'tag', CAST($1 AS TEXT), name FROM tags WHERE manifest = $2",
        values![name, manifest],
    )?;
    Ok(())
}

impl RecordKind {
    fn from_word(word: &str) -> Option<Self> {
        [Self::Project, Self::Manifest, Self::Tag]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// A manifest as its record has it.
#[derive(Debug, Clone)]
pub struct ManifestFacts {
    /// As what it was pushed.
    pub media_type: String,
    /// When, in microseconds since 1970.
    pub pushed: i64,
    /// By whom.
    pub pushed_by: String,
    /// The bytes.
    pub content: Vec<u8>,
}

/// A tag as its record has it.
#[derive(Debug, Clone)]
pub struct TagFacts {
    /// What it names.
    pub digest: String,
    /// Since when, in microseconds since 1970.
    pub updated: i64,
    /// Who said so.
    pub pushed_by: String,
}

/// The next `limit` entries of the queue.
pub fn queued(sql: &mut dyn Sql, limit: u64) -> Result<Vec<QueuedRecord>, SqlError> {
    let rows = sql.query(
        "SELECT id, kind, name, item FROM record_queue ORDER BY id LIMIT $1",
        values![limit],
    )?;
    rows.into_iter()
        .map(|mut row| {
            let word: String = row.take(1);
            let kind = RecordKind::from_word(&word).ok_or_else(|| {
                SqlError::Failed(Cause::new(format!("record_queue.kind holds {word:?}")))
            })?;
            Ok(QueuedRecord {
                id: row.take(0),
                kind,
                name: row.take(2),
                item: row.take(3),
            })
        })
        .collect()
}

/// Takes entries out of the queue.
pub fn forget(sql: &mut dyn Sql, ids: &[i64]) -> Result<(), SqlError> {
    for id in ids {
        sql.execute("DELETE FROM record_queue WHERE id = $1", values![*id])?;
    }
    Ok(())
}

/// The manifest `digest` of the repository `name`.
pub fn manifest(
    sql: &mut dyn Sql,
    name: &str,
    digest: &str,
) -> Result<Option<ManifestFacts>, SqlError> {
    let row = sql.query_row(
        "SELECT m.media_type, m.pushed, m.pushed_by, m.content FROM manifests m \
         JOIN repositories r ON r.id = m.repository WHERE r.name = $1 AND m.digest = $2",
        values![name, digest],
    )?;
    Ok(row.map(|mut row| ManifestFacts {
        media_type: row.take(0),
        pushed: row.take(1),
        pushed_by: row.take(2),
        content: row.take(3),
    }))
}

/// The tag `tag` of the repository `name`.
pub fn tag(sql: &mut dyn Sql, name: &str, tag: &str) -> Result<Option<TagFacts>, SqlError> {
    let row = sql.query_row(
        "SELECT m.digest, t.updated, t.pushed_by FROM tags t JOIN manifests m ON m.id = t.manifest \
         JOIN repositories r ON r.id = t.repository WHERE r.name = $1 AND t.name = $2",
        values![name, tag],
    )?;
    Ok(row.map(|mut row| TagFacts {
        digest: row.take(0),
        updated: row.take(1),
        pushed_by: row.take(2),
    }))
}

/// A manifest's number, its repository's name, its digest and its bytes.
pub type ManifestRow = (i64, String, String, Vec<u8>);

/// The next `limit` manifests after the number `after`: their numbers, repositories' names, digests and bytes.
pub fn manifests_after(
    sql: &mut dyn Sql,
    after: i64,
    limit: u64,
) -> Result<Vec<ManifestRow>, SqlError> {
    let rows = sql.query(
        "SELECT m.id, r.name, m.digest, m.content FROM manifests m \
         JOIN repositories r ON r.id = m.repository WHERE m.id > $1 ORDER BY m.id LIMIT $2",
        values![after, limit],
    )?;
    let manifest = |mut row: Row| (row.take(0), row.take(1), row.take(2), row.take(3));
    Ok(rows.into_iter().map(manifest).collect())
}

/// The next `limit` blobs after the digest `after`: their digests, keys and sizes.
pub fn blobs_after(
    sql: &mut dyn Sql,
    after: &str,
    limit: u64,
) -> Result<Vec<(String, String, u64)>, SqlError> {
    let rows = sql.query(
        "SELECT digest, object_key, size FROM blobs WHERE digest > $1 ORDER BY digest LIMIT $2",
        values![after, limit],
    )?;
    let blob = |mut row: Row| (row.take(0), row.take(1), row.take(2));
    Ok(rows.into_iter().map(blob).collect())
}

/// Notes that a blob's bytes are gone or damaged. It counts as absent from here, so that a client that pushes it again mends
/// every manifest that needs it; what is left of its object is doomed then.
pub fn mark_lost(sql: &mut dyn Sql, digest: &str, key: &str) -> Result<bool, SqlError> {
    let marked = sql.execute(
        "UPDATE blobs SET lost = 1 WHERE digest = $1 AND object_key = $2",
        values![digest, key],
    )?;
    Ok(marked > 0)
}
