//! Manifests as the management API shows them: artifacts with their tags, children and accessories.

use super::listing::{Field, FieldKind, ListError, Listing, contained, contains};
use super::repositories::NO_ACCESSORY;
use super::sql::{Sql, SqlError, values};
use super::value::Row;
use crate::listing::{Condition, ListRequest, Page};

/// What is recorded of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactRecord {
    /// Its number.
    pub id: i64,
    /// Its repository's number.
    pub repository: i64,
    /// Its repository's name, the project's first.
    pub repository_name: String,
    /// Its project's number.
    pub project: i64,
    /// Its digest.
    pub digest: String,
    /// As what it was pushed.
    pub media_type: String,
    /// The kind of artifact that it says it is.
    pub artifact_type: Option<String>,
    /// The media type of its config; none for an index.
    pub config_media_type: Option<String>,
    /// The digest of its config; none for an index.
    pub config_digest: Option<String>,
    /// Its annotations as a JSON object.
    pub annotations: Option<String>,
    /// Its own length with that of its blobs and of what it names, in bytes.
    pub size: u64,
    /// When it was pushed last.
    pub pushed: i64,
    /// By whom.
    pub pushed_by: String,
    /// When it was pulled last.
    pub pulled: Option<i64>,
    /// The digest of what it says something about.
    pub subject: Option<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRecord {
    /// Its number.
    pub id: i64,
    /// Its repository's number.
    pub repository: i64,
    /// The number of what it names.
    pub manifest: i64,
    /// The tag.
    pub name: String,
    /// When it was set last.
    pub updated: i64,
    /// When it was pulled last.
    pub pulled: Option<i64>,
}

/// What an index names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildRecord {
    /// Its digest.
    pub digest: String,
    /// For which platform it is, as JSON.
    pub platform: Option<String>,
    /// Its number, if the repository has it.
    pub id: Option<i64>,
}

/// Which artifacts a list is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArtifactScope {
    /// Those of a repository.
    Repository(i64),
    /// Those of all repositories of a project.
    Project(i64),
}

const COLUMNS: &str = "m.id, m.repository, r.name, r.project, m.digest, m.media_type, m.artifact_type, \
     m.config_media_type, m.config_digest, m.annotations, CAST(m.total_size + COALESCE((\
     SELECT SUM(k.total_size) FROM manifest_children c \
     JOIN manifests k ON k.repository = c.repository AND k.digest = c.digest \
     WHERE c.manifest = m.id), 0) AS BIGINT), m.pushed, m.pushed_by, m.pulled, m.subject";
const FROM: &str = "manifests m JOIN repositories r ON r.id = m.repository";

const FIELDS: &[Field] = &[
    Field::new("id", "m.id", FieldKind::Number),
    Field::new("digest", "m.digest", FieldKind::Text),
    Field::new("media_type", "m.config_media_type", FieldKind::Text),
    Field::new("manifest_media_type", "m.media_type", FieldKind::Text),
    Field::new("artifact_type", "m.artifact_type", FieldKind::Text),
    Field::new("repository_id", "m.repository", FieldKind::Number),
    Field::new("repository_name", "r.name", FieldKind::Text),
    Field::new("size", "m.total_size", FieldKind::Number),
    Field::new("push_time", "m.pushed", FieldKind::Time),
    Field::new("pull_time", "m.pulled", FieldKind::Time),
];

const TAG_COLUMNS: &str = "id, repository, manifest, name, updated, pulled";
const TAG_FIELDS: &[Field] = &[
    Field::new("id", "id", FieldKind::Number),
    Field::new("name", "name", FieldKind::Text),
    Field::new("push_time", "updated", FieldKind::Time),
    Field::new("pull_time", "pulled", FieldKind::Time),
];

const ACCESSORY_FIELDS: &[Field] = &[
    Field::new("id", "m.id", FieldKind::Number),
    Field::new("digest", "m.digest", FieldKind::Text),
    Field::new("artifact_type", "m.artifact_type", FieldKind::Text),
    Field::new("size", "m.total_size", FieldKind::Number),
    Field::new("creation_time", "m.pushed", FieldKind::Time),
];

fn artifact(mut row: Row) -> ArtifactRecord {
    ArtifactRecord {
        id: row.take(0),
        repository: row.take(1),
        repository_name: row.take(2),
        project: row.take(3),
        digest: row.take(4),
        media_type: row.take(5),
        artifact_type: row.take(6),
        config_media_type: row.take(7),
        config_digest: row.take(8),
        annotations: row.take(9),
        size: row.take(10),
        pushed: row.take(11),
        pushed_by: row.take(12),
        pulled: row.take(13),
        subject: row.take(14),
    }
}

fn tag(mut row: Row) -> TagRecord {
    TagRecord {
        id: row.take(0),
        repository: row.take(1),
        manifest: row.take(2),
        name: row.take(3),
        updated: row.take(4),
        pulled: row.take(5),
    }
}

/// The artifacts of a scope. As in Harbor, accessories are left out, and so is what only an index names, unless it has a tag
/// or `q=base=*` asks for it. `tags` is what tags they have: a name, `*` for any, `nil` for none.
pub fn list(
    sql: &mut dyn Sql,
    scope: ArtifactScope,
    mut request: ListRequest,
) -> Result<Page<ArtifactRecord>, ListError> {
    let mut listing = Listing::new(COLUMNS, FROM);
    match scope {
        ArtifactScope::Repository(repository) => {
            listing.filter_by("m.repository = {}", repository);
        }
        ArtifactScope::Project(project) => listing.filter_by("r.project = {}", project),
    }
    listing.filter(NO_ACCESSORY);
    if request.take("base") != Some(Condition::Exact("*".to_owned())) {
        listing.filter(
            "(EXISTS (SELECT 1 FROM tags t WHERE t.manifest = m.id) OR NOT EXISTS (\
             SELECT 1 FROM manifest_children c WHERE c.repository = m.repository AND c.digest = m.digest))",
        );
    }
    while let Some(condition) = request.take("tags") {
        filter_tags(&mut listing, &condition);
    }
    listing.read(sql, &request, FIELDS, "m.pushed DESC, m.id DESC", artifact)
}

fn filter_tags(listing: &mut Listing, condition: &Condition) {
    const TAGGED: &str = "EXISTS (SELECT 1 FROM tags t WHERE t.manifest = m.id";
    match condition {
        Condition::Exact(text) if text == "*" => listing.filter(format!("{TAGGED})")),
        Condition::Exact(text) if text == "nil" => listing.filter(format!("NOT {TAGGED})")),
        Condition::Exact(text) => {
            listing.filter_by(&format!("{TAGGED} AND t.name = {{}})"), text);
        }
        Condition::Fuzzy(text) => {
            let condition = format!("{TAGGED} AND {})", contains("t.name"));
            listing.filter_by(&condition, contained(text));
        }
        Condition::Range(low, high) => {
            for (bound, text) in [(">=", low), ("<=", high)] {
                if let Some(text) = text {
                    listing.filter_by(&format!("{TAGGED} AND t.name {bound} {{}})"), text);
                }
            }
        }
        Condition::AnyOf(texts) => {
            listing.filter_by_any(&format!("{TAGGED} AND t.name IN ({{}}))"), texts);
        }
        Condition::AllOf(texts) => {
            for text in texts {
                listing.filter_by(&format!("{TAGGED} AND t.name = {{}})"), text);
            }
        }
    }
}

/// The artifact with the number `id`.
pub fn find(sql: &mut dyn Sql, id: i64) -> Result<Option<ArtifactRecord>, SqlError> {
    let statement = format!("SELECT {COLUMNS} FROM {FROM} WHERE m.id = $1");
    Ok(sql.query_row(&statement, values![id])?.map(artifact))
}

/// A page of the artifacts that say something about `subject`.
pub fn accessories(
    sql: &mut dyn Sql,
    repository: i64,
    subject: &str,
    request: &ListRequest,
) -> Result<Page<ArtifactRecord>, ListError> {
    let mut listing = Listing::new(COLUMNS, FROM);
    listing.filter_by("m.repository = {}", repository);
    listing.filter_by("m.subject = {}", subject);
    listing.read(sql, request, ACCESSORY_FIELDS, "m.id", artifact)
}

/// A page of the tags of an artifact.
pub fn tags(
    sql: &mut dyn Sql,
    manifest: i64,
    request: &ListRequest,
) -> Result<Page<TagRecord>, ListError> {
    let mut listing = Listing::new(TAG_COLUMNS, "tags");
    listing.filter_by("manifest = {}", manifest);
    listing.read(sql, request, TAG_FIELDS, "updated DESC, name", tag)
}

/// The tags of an artifact that were set last, at most `limit` of them. How many there are is not asked: counting a million
/// takes longer than all the rest.
pub fn latest_tags(
    sql: &mut dyn Sql,
    manifest: i64,
    limit: u64,
) -> Result<Vec<TagRecord>, SqlError> {
    let statement = format!(
        "SELECT {TAG_COLUMNS} FROM tags WHERE manifest = $1 ORDER BY updated DESC, name LIMIT $2"
    );
    let rows = sql.query(&statement, values![manifest, limit])?;
    Ok(rows.into_iter().map(tag).collect())
}

/// What an index names, in its order, at most `limit` of it.
pub fn children(
    sql: &mut dyn Sql,
    manifest: i64,
    limit: u64,
) -> Result<Vec<ChildRecord>, SqlError> {
    let rows = sql.query(
        "SELECT c.digest, c.platform, k.id FROM manifest_children c \
         LEFT JOIN manifests k ON k.repository = c.repository AND k.digest = c.digest \
         WHERE c.manifest = $1 ORDER BY c.position LIMIT $2",
        values![manifest, limit],
    )?;
    let child = |mut row: Row| ChildRecord {
        digest: row.take(0),
        platform: row.take(1),
        id: row.take(2),
    };
    Ok(rows.into_iter().map(child).collect())
}

/// The digest of an index in the repository that names the manifest `digest`.
pub fn parent_of(
    sql: &mut dyn Sql,
    repository: i64,
    digest: &str,
) -> Result<Option<String>, SqlError> {
    sql.query_value(
        "SELECT p.digest FROM manifest_children c JOIN manifests p ON p.id = c.manifest \
         WHERE c.repository = $1 AND c.digest = $2 LIMIT 1",
        values![repository, digest],
    )
}

/// The digests of the manifests that say something about `subject`.
pub fn referrers_of(
    sql: &mut dyn Sql,
    repository: i64,
    subject: &str,
) -> Result<Vec<String>, SqlError> {
    let rows = sql.query(
        "SELECT digest FROM manifests WHERE repository = $1 AND subject = $2 ORDER BY digest",
        values![repository, subject],
    )?;
    Ok(rows.into_iter().map(|mut row| row.take(0)).collect())
}
