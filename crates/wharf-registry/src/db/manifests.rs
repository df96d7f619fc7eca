//! Manifests: the bytes as they were pushed, and what they need.

use bytes::Bytes;
use wharf_oci::{Digest, MediaType};

use super::sql::{Cause, Sql, SqlError, values};
use super::value::Row;

/// A manifest as it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its number.
    pub id: i64,
    /// Its digest.
    pub digest: Digest,
    /// As what it was pushed.
    pub media_type: MediaType,
    /// The bytes as they were pushed.
    pub content: Bytes,
}

/// What a new manifest is recorded with.
#[derive(Debug, Clone)]
pub struct NewManifest {
    /// Its digest.
    pub digest: Digest,
    /// As what it was pushed.
    pub media_type: MediaType,
    /// The kind of artifact, as the list of referrers gives it.
    pub artifact_type: Option<String>,
    /// The media type of its config; none for an index.
    pub config_media_type: Option<String>,
    /// The digest of its config; none for an index.
    pub config_digest: Option<Digest>,
    /// The manifest that it says something about.
    pub subject: Option<Digest>,
    /// Its annotations as a JSON object.
    pub annotations: Option<String>,
    /// Its own length and that of the blobs it names, in bytes.
    pub total_size: u64,
    /// The bytes as they were pushed.
    pub content: Vec<u8>,
    /// Those of the blobs it names that its repository has, each once: it keeps them.
    pub blobs: Vec<Digest>,
    /// Those that its repository does not have, each once: it keeps them as soon as they come.
    pub awaited: Vec<Digest>,
    /// The manifests it names, with their platforms as JSON.
    pub children: Vec<(Digest, Option<String>)>,
}

/// One entry of a list of referrers.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// Its digest.
    pub digest: String,
    /// As what it was pushed.
    pub media_type: String,
    /// Its length in bytes.
    pub size: u64,
    /// The kind of artifact.
    pub artifact_type: Option<String>,
    /// Its annotations as a JSON object.
    pub annotations: Option<String>,
}

fn from_row(mut row: Row) -> Result<StoredManifest, SqlError> {
    let digest: String = row.take(1);
    Ok(StoredManifest {
        id: row.take(0),
        digest: digest.parse().map_err(|error| {
            SqlError::Failed(Cause::new(format!(
                "manifests.digest holds {digest:?}: {error}"
            )))
        })?,
        media_type: MediaType::new(&row.take::<String>(2)),
        content: row.take::<Vec<u8>>(3).into(),
    })
}

/// The manifest that a tag of the repository names.
pub fn find_by_tag(
    sql: &mut dyn Sql,
    repository: i64,
    tag: &str,
) -> Result<Option<StoredManifest>, SqlError> {
    let row = sql.query_row(
        "SELECT m.id, m.digest, m.media_type, m.content FROM tags t JOIN manifests m ON m.id = t.manifest \
         WHERE t.repository = $1 AND t.name = $2",
        values![repository, tag],
    )?;
    row.map(from_row).transpose()
}

/// The manifest of this digest in the repository.
pub fn find_by_digest(
    sql: &mut dyn Sql,
    repository: i64,
    digest: &Digest,
) -> Result<Option<StoredManifest>, SqlError> {
    let row = sql.query_row(
        "SELECT id, digest, media_type, content FROM manifests WHERE repository = $1 AND digest = $2",
        values![repository, digest.to_string()],
    )?;
    row.map(from_row).transpose()
}

/// The manifest that a tag of the repository `name` names.
pub fn find_named_by_tag(
    sql: &mut dyn Sql,
    name: &str,
    tag: &str,
) -> Result<Option<StoredManifest>, SqlError> {
    let row = sql.query_row(
        "SELECT m.id, m.digest, m.media_type, m.content FROM repositories r \
         JOIN tags t ON t.repository = r.id JOIN manifests m ON m.id = t.manifest \
         WHERE r.name = $1 AND t.name = $2",
        values![name, tag],
    )?;
    row.map(from_row).transpose()
}

/// The manifest of this digest in the repository `name`.
pub fn find_named_by_digest(
    sql: &mut dyn Sql,
    name: &str,
    digest: &Digest,
) -> Result<Option<StoredManifest>, SqlError> {
    let row = sql.query_row(
        "SELECT m.id, m.digest, m.media_type, m.content FROM repositories r \
         JOIN manifests m ON m.repository = r.id WHERE r.name = $1 AND m.digest = $2",
        values![name, digest.to_string()],
    )?;
    row.map(from_row).transpose()
}

/// Notes that a manifest was pulled so many times, and when last, if it is still there.
pub fn pulled(sql: &mut dyn Sql, manifest: i64, count: i64, last: i64) -> Result<(), SqlError> {
    sql.execute(
        "UPDATE repositories SET pulls = pulls + $1 \
         WHERE id = (SELECT repository FROM manifests WHERE id = $2)",
        values![count, manifest],
    )?;
    // Another node may have written a later time.
    sql.execute(
        "UPDATE manifests SET pulled = $1 WHERE id = $2 AND (pulled IS NULL OR pulled < $3)",
        values![last, manifest, last],
    )?;
    Ok(())
}

/// The number of the manifest of this digest in the repository.
pub fn find_id(
    sql: &mut dyn Sql,
    repository: i64,
    digest: &Digest,
) -> Result<Option<i64>, SqlError> {
    sql.query_value(
        "SELECT id FROM manifests WHERE repository = $1 AND digest = $2",
        values![repository, digest.to_string()],
    )
}

/// Records a manifest and what it needs. Its blobs must be linked in the repository: their rows are what is referred to.
/// Pushing the same manifest again notes the time, and takes the media type it was pushed as last.
pub fn insert(
    sql: &mut dyn Sql,
    repository: i64,
    manifest: &NewManifest,
    by: &str,
    now: i64,
) -> Result<i64, SqlError> {
    if let Some(id) = find_id(sql, repository, &manifest.digest)? {
        sql.execute(
            "UPDATE manifests SET pushed = $1, pushed_by = $2, media_type = $3 WHERE id = $4",
            values![now, by, manifest.media_type.as_str(), id],
        )?;
        return Ok(id);
    }
    let id: i64 = sql
        .query_value(
            "INSERT INTO manifests (repository, digest, media_type, artifact_type, config_media_type, config_digest, \
             subject, annotations, total_size, pushed, pushed_by, pulled, content) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, NULL, $12) RETURNING id",
            values![
                repository,
                manifest.digest.to_string(),
                manifest.media_type.as_str(),
                manifest.artifact_type.clone(),
                manifest.config_media_type.clone(),
                manifest.config_digest.map(|digest| digest.to_string()),
                manifest.subject.map(|digest| digest.to_string()),
                manifest.annotations.clone(),
                manifest.total_size,
                now,
                by,
                manifest.content.clone()
            ],
        )?
        .unwrap_or_default();
    for blob in &manifest.blobs {
        sql.execute(
            "INSERT INTO manifest_blobs (repository, digest, manifest) VALUES ($1, $2, $3)",
            values![repository, blob.to_string(), id],
        )?;
    }
    for blob in &manifest.awaited {
        sql.execute(
            "INSERT INTO awaited_blobs (repository, digest, manifest) VALUES ($1, $2, $3)",
            values![repository, blob.to_string(), id],
        )?;
    }
    for (position, (child, platform)) in (0_i64..).zip(&manifest.children) {
        sql.execute(
            "INSERT INTO manifest_children (manifest, position, repository, digest, platform) \
             VALUES ($1, $2, $3, $4, $5)",
            values![
                id,
                position,
                repository,
                child.to_string(),
                platform.clone()
            ],
        )?;
    }
    Ok(id)
}

/// The digests of all manifests of a repository.
pub fn digests(sql: &mut dyn Sql, repository: i64) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT digest FROM manifests WHERE repository = $1 ORDER BY digest",
        values![repository],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}

/// Removes a manifest and its tags.
pub fn delete(sql: &mut dyn Sql, id: i64) -> Result<(), SqlError> {
    sql.execute("DELETE FROM tags WHERE manifest = $1", values![id])?;
    sql.execute("DELETE FROM manifests WHERE id = $1", values![id])?;
    Ok(())
}

/// Up to `limit` manifests whose subject is `subject`, after the digest `last`, of one kind of artifact if wanted.
pub fn referrers(
    sql: &mut dyn Sql,
    repository: i64,
    subject: &Digest,
    artifact_type: Option<&str>,
    last: &str,
    limit: u64,
) -> Result<Vec<Referrer>, SqlError> {
    let rows = sql.query(
        "SELECT digest, media_type, LENGTH(content), artifact_type, annotations FROM manifests \
         WHERE repository = $1 AND subject = $2 AND digest > $3 \
         AND (CAST($4 AS TEXT) IS NULL OR artifact_type = $4) ORDER BY digest LIMIT $5",
        values![repository, subject.to_string(), last, artifact_type, limit],
    )?;
    let referrer = |mut row: Row| Referrer {
        digest: row.take(0),
        media_type: row.take(1),
        size: row.take(2),
        artifact_type: row.take(3),
        annotations: row.take(4),
    };
    Ok(rows.into_iter().map(referrer).collect())
}
