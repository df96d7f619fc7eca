//! Manifests: pulled, pushed, deleted.

use std::fmt;
use std::sync::Arc;

use wharf_oci::{Algorithm, Digest, MediaType, Tag};

use super::RepositoryName;
use super::manifest_document::ManifestDocument;
use crate::cache::Memory;
use crate::db::audit::AuditEntry;
use crate::db::manifests::StoredManifest;
use crate::db::records::{self, RecordKind};
use crate::db::repositories::RepositoryRecord;
use crate::db::trash::TrashEntry;
use crate::db::{self, Durability, Sql};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::settings::SparseManifests;

/// How a manifest is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestReference {
    /// What this tag names now.
    Tag(Tag),
    /// This very one.
    Digest(Digest),
}

/// A manifest on its way in.
#[derive(Debug)]
pub struct ManifestPush {
    /// The repository's project.
    pub project: i64,
    /// The repository.
    pub name: RepositoryName,
    /// Under what it is pushed.
    pub reference: ManifestReference,
    /// Further tags for it (`?tag=`).
    pub tags: Vec<Tag>,
    /// The request's `Content-Type`.
    pub content_type: Option<MediaType>,
    /// The bytes.
    pub content: Vec<u8>,
    /// Who pushes.
    pub actor: String,
}

/// What was made of a [`ManifestPush`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    /// Its digest.
    pub digest: Digest,
    /// What it says something about.
    pub subject: Option<Digest>,
    /// The tags that name it now, in the order they were given.
    pub tags: Vec<Tag>,
}

impl ManifestReference {
    /// Takes the last part of a path.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        if text.contains(':') {
            let invalid = |_error| RegistryError::DigestInvalid {
                text: text.chars().take(200).collect(),
            };
            return text.parse().map(Self::Digest).map_err(invalid);
        }
        parse_tag(text).map(Self::Tag)
    }
}

impl fmt::Display for ManifestReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "{tag}"),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

/// Takes a tag.
pub(crate) fn parse_tag(text: &str) -> Result<Tag, RegistryError> {
    let invalid = |_error| RegistryError::TagInvalid {
        tag: text.chars().take(200).collect(),
    };
    text.parse().map_err(invalid)
}

impl Registry {
    /// The manifest under `reference`.
    pub async fn find_manifest(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Arc<StoredManifest>, RegistryError> {
        let unknown = || RegistryError::ManifestUnknown {
            name: name.to_string(),
            reference: reference.to_string(),
        };
        let Some(memory) = self.memory() else {
            let found = self.ask_for_manifest(name, reference).await?;
            return found.map(Arc::new).ok_or_else(unknown);
        };
        let repository = self.repository_id(name).await?.ok_or_else(unknown)?;
        let text = reference.to_string();
        if let Some(manifest) = memory.manifest(repository, &text) {
            return Ok(manifest);
        }
        let asked = memory.stamp();
        let wanted = reference.clone();
        let found = self
            .db()
            .read(move |sql| find(sql, repository, &wanted))
            .await
            .map_err(RegistryError::Database)?;
        let manifest = Arc::new(found.ok_or_else(unknown)?);
        memory.put_manifest(asked, repository, text, Arc::clone(&manifest));
        Ok(manifest)
    }

    /// The manifest by one statement, where nothing may be remembered.
    async fn ask_for_manifest(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<Option<StoredManifest>, RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        let found = self.db().ask(move |sql| match &reference {
            ManifestReference::Tag(tag) => {
                db::manifests::find_named_by_tag(sql, name.as_str(), tag.as_str())
            }
            ManifestReference::Digest(digest) => {
                db::manifests::find_named_by_digest(sql, name.as_str(), digest)
            }
        });
        found.await.map_err(RegistryError::Database)
    }

    /// The number of a repository; `None` if there is none.
    pub(crate) async fn repository_id(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<i64>, RegistryError> {
        let known = self
            .memory()
            .and_then(|memory| memory.repository(name.as_str()));
        if let Some(repository) = known {
            return Ok(repository);
        }
        let asked = self.memory().map(Memory::stamp);
        let wanted = name.clone();
        let repository = self
            .db()
            .ask(move |sql| db::repositories::find_id(sql, wanted.as_str()))
            .await
            .map_err(RegistryError::Database)?;
        if let (Some(memory), Some(asked)) = (self.memory(), asked) {
            memory.put_repository(asked, name.to_string(), repository);
        }
        Ok(repository)
    }

    /// Takes a manifest: reads it, then in one transaction sees that all it needs is there, records it and moves the tags.
    pub async fn push_manifest(&self, push: ManifestPush) -> Result<PushedManifest, RegistryError> {
        let algorithm = match &push.reference {
            ManifestReference::Digest(digest) => digest.algorithm(),
            ManifestReference::Tag(_) => Algorithm::Sha256,
        };
        let document = ManifestDocument::read(push.content, push.content_type.as_ref(), algorithm)?;
        let mut tags = push.tags;
        match push.reference {
            ManifestReference::Tag(tag) => tags.insert(0, tag),
            ManifestReference::Digest(digest) if digest != document.record.digest => {
                return Err(RegistryError::DigestMismatch {
                    expected: Box::new(digest),
                    actual: Box::new(document.record.digest),
                });
            }
            ManifestReference::Digest(_) => {}
        }
        let pushed = PushedManifest {
            digest: document.record.digest,
            subject: document.record.subject,
            tags: tags.clone(),
        };
        let now = self.now();
        let mut change = RecordedManifest {
            project: push.project,
            name: push.name,
            document,
            tags,
            actor: push.actor,
            sparse: self.settings().sparse,
        };
        self.db()
            .write(Durability::Full, move |sql| change.record(sql, now))
            .await?;
        Ok(pushed)
    }

    /// Removes a tag, or a manifest with all its tags. A manifest can be brought back for a while.
    pub async fn delete_manifest(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
        actor: &str,
    ) -> Result<(), RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        let (actor, now) = (actor.to_owned(), self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                remove(sql, &name, &reference, &actor, now)
            })
            .await
    }
}

/// A manifest that becomes one of a repository.
#[derive(Debug, Clone)]
pub(crate) struct RecordedManifest {
    pub(crate) project: i64,
    pub(crate) name: RepositoryName,
    pub(crate) document: ManifestDocument,
    pub(crate) tags: Vec<Tag>,
    pub(crate) actor: String,
    pub(crate) sparse: SparseManifests,
}

impl RecordedManifest {
    /// The one transaction of a push: what it needs is there, it is recorded, the tags name it.
    pub(crate) fn record(&mut self, sql: &mut dyn Sql, now: i64) -> Result<(), RegistryError> {
        let name = &self.name;
        let repository = db::repositories::find_or_insert(sql, self.project, name.as_str(), now)?;
        sql.touches_repository(repository);
        check_contents(sql, repository, name, &mut self.document, self.sparse)?;
        let record = &self.document.record;
        let manifest = db::manifests::insert(sql, repository, record, &self.actor, now)?;
        let digest = record.digest.to_string();
        records::queue(sql, RecordKind::Manifest, name.as_str(), &digest)?;
        for tag in &self.tags {
            db::tags::set(sql, repository, tag.as_str(), manifest, &self.actor, now)?;
            records::queue(sql, RecordKind::Tag, name.as_str(), tag.as_str())?;
        }
        db::repositories::show(sql, repository, now)?;
        let what = match self.tags.first() {
            Some(tag) => format!("{name}:{tag}"),
            None => format!("{name}@{digest}"),
        };
        note(sql, self.project, "create", &what, &self.actor, now)
    }
}

/// The one transaction of a deletion.
pub(crate) fn remove(
    sql: &mut dyn Sql,
    name: &RepositoryName,
    reference: &ManifestReference,
    actor: &str,
    now: i64,
) -> Result<(), RegistryError> {
    let Some(repository) = db::repositories::find_shown(sql, name.as_str())? else {
        return Err(RegistryError::NameUnknown {
            name: name.to_string(),
        });
    };
    sql.touches_repository(repository.id);
    let (removed, what) = match reference {
        ManifestReference::Tag(tag) => {
            records::queue(sql, RecordKind::Tag, name.as_str(), tag.as_str())?;
            let removed = db::tags::delete(sql, repository.id, tag.as_str())?;
            (removed, format!("{name}:{tag}"))
        }
        ManifestReference::Digest(digest) => {
            let removed = discard(sql, &repository, name, digest, actor, now)?;
            (removed, format!("{name}@{digest}"))
        }
    };
    if !removed {
        return Err(RegistryError::ManifestUnknown {
            name: name.to_string(),
            reference: reference.to_string(),
        });
    }
    db::repositories::show(sql, repository.id, now)?;
    note(sql, repository.project, "delete", &what, actor, now)
}

/// Writes what happened to an artifact into the audit log.
fn note(
    sql: &mut dyn Sql,
    project: i64,
    operation: &str,
    what: &str,
    actor: &str,
    now: i64,
) -> Result<(), RegistryError> {
    let entry = AuditEntry {
        id: 0,
        at: now,
        actor: actor.to_owned(),
        operation: operation.to_owned(),
        resource_type: "artifact".to_owned(),
        resource: what.to_owned(),
        project: Some(project),
        detail: String::new(),
    };
    Ok(db::audit::insert(sql, &entry)?)
}

pub(super) fn find(
    sql: &mut dyn Sql,
    repository: i64,
    reference: &ManifestReference,
) -> Result<Option<StoredManifest>, db::SqlError> {
    match reference {
        ManifestReference::Tag(tag) => db::manifests::find_by_tag(sql, repository, tag.as_str()),
        ManifestReference::Digest(digest) => db::manifests::find_by_digest(sql, repository, digest),
    }
}

/// Sees that the repository has what the manifest names, in the lengths it says, and notes which blobs it keeps and which it
/// waits for.
///
/// A blob that another repository has does not count: naming a digest must not open what one may not read.
pub(super) fn check_contents(
    sql: &mut dyn Sql,
    repository: i64,
    name: &RepositoryName,
    document: &mut ManifestDocument,
    sparse: SparseManifests,
) -> Result<(), RegistryError> {
    let mut kept = Vec::new();
    let mut awaited = Vec::new();
    let mut missing = Vec::new();
    for (digest, said) in &document.needed {
        match db::blobs::find_in_repository(sql, repository, digest)? {
            Some(blob) if blob.size != *said => {
                return Err(RegistryError::ManifestInvalid {
                    reason: format!(
                        "it says that {digest} has {said} bytes, and it has {}",
                        blob.size
                    ),
                });
            }
            Some(_) => kept.push(*digest),
            None if sparse.images => awaited.push(*digest),
            None => missing.push(*digest),
        }
    }
    for digest in &document.optional {
        match db::blobs::find_in_repository(sql, repository, digest)? {
            Some(_) => kept.push(*digest),
            None => awaited.push(*digest),
        }
    }
    if !sparse.indexes {
        for (child, _) in &document.record.children {
            if db::manifests::find_id(sql, repository, child)?.is_none() {
                missing.push(*child);
            }
        }
    }
    if !missing.is_empty() {
        return Err(RegistryError::ManifestBlobUnknown {
            name: name.to_string(),
            missing,
        });
    }
    document.record.blobs = kept;
    document.record.awaited = awaited;
    Ok(())
}

/// Moves a manifest to the trash, its tags with it.
pub(super) fn discard(
    sql: &mut dyn Sql,
    repository: &RepositoryRecord,
    name: &RepositoryName,
    digest: &Digest,
    actor: &str,
    now: i64,
) -> Result<bool, db::SqlError> {
    let Some(manifest) = db::manifests::find_by_digest(sql, repository.id, digest)? else {
        return Ok(false);
    };
    let tags = db::tags::of_manifest(sql, manifest.id)?;
    records::queue_tags(sql, name.as_str(), manifest.id)?;
    records::queue(
        sql,
        RecordKind::Manifest,
        name.as_str(),
        &digest.to_string(),
    )?;
    let entry = TrashEntry {
        id: 0,
        project: repository.project,
        repository_name: name.to_string(),
        digest: digest.to_string(),
        media_type: manifest.media_type.as_str().to_owned(),
        tags: serde_json::json!(tags).to_string(),
        deleted: now,
        deleted_by: actor.to_owned(),
        content: manifest.content.to_vec(),
    };
    db::trash::insert(sql, &entry, manifest.id)?;
    db::manifests::delete(sql, manifest.id)?;
    Ok(true)
}
