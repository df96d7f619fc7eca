//! Manifests: pulled, pushed, deleted.

use std::fmt;

use wharf_oci::{Algorithm, Digest, MediaType, Tag};

use super::RepositoryName;
use super::manifest_document::ManifestDocument;
use crate::db::manifests::StoredManifest;
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability, Sql};
use crate::error::RegistryError;
use crate::registry::Registry;

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
    ) -> Result<StoredManifest, RegistryError> {
        let (wanted_name, wanted) = (name.clone(), reference.clone());
        let found = self
            .db()
            .read(move |sql| {
                let Some(repository) = db::repositories::find_id(sql, wanted_name.as_str())? else {
                    return Ok(None);
                };
                find(sql, repository, &wanted)
            })
            .await
            .map_err(RegistryError::Database)?;
        found.ok_or_else(|| RegistryError::ManifestUnknown {
            name: name.to_string(),
            reference: reference.to_string(),
        })
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
        let (project, name, actor, now) = (push.project, push.name, push.actor, self.now());
        let sparse = self.settings().sparse_indexes;
        let mut document = document;
        self.db()
            .write(Durability::Full, move |sql| {
                let repository =
                    db::repositories::find_or_insert(sql, project, name.as_str(), now)?;
                check_contents(sql, repository, &name, &mut document, sparse)?;
                let manifest =
                    db::manifests::insert(sql, repository, &document.record, &actor, now)?;
                let digest = document.record.digest.to_string();
                records::queue(sql, RecordKind::Manifest, name.as_str(), &digest)?;
                for tag in &tags {
                    db::tags::set(sql, repository, tag.as_str(), manifest, &actor, now)?;
                    records::queue(sql, RecordKind::Tag, name.as_str(), tag.as_str())?;
                }
                db::repositories::show(sql, repository, now)?;
                Ok::<_, RegistryError>(())
            })
            .await?;
        Ok(pushed)
    }

    /// Removes a tag, or a manifest with all its tags.
    pub async fn delete_manifest(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<(), RegistryError> {
        let (name, reference, now) = (name.clone(), reference.clone(), self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                let Some(repository) = db::repositories::find_shown(sql, name.as_str())? else {
                    return Err(RegistryError::NameUnknown {
                        name: name.to_string(),
                    });
                };
                let removed = match &reference {
                    ManifestReference::Tag(tag) => {
                        records::queue(sql, RecordKind::Tag, name.as_str(), tag.as_str())?;
                        db::tags::delete(sql, repository.id, tag.as_str())?
                    }
                    ManifestReference::Digest(digest) => {
                        delete_with_tags(sql, repository.id, &name, digest)?
                    }
                };
                if !removed {
                    return Err(RegistryError::ManifestUnknown {
                        name: name.to_string(),
                        reference: reference.to_string(),
                    });
                }
                db::repositories::show(sql, repository.id, now)?;
                Ok(())
            })
            .await
    }
}

fn find(
    sql: &mut dyn Sql,
    repository: i64,
    reference: &ManifestReference,
) -> Result<Option<StoredManifest>, db::SqlError> {
    match reference {
        ManifestReference::Tag(tag) => db::manifests::find_by_tag(sql, repository, tag.as_str()),
        ManifestReference::Digest(digest) => db::manifests::find_by_digest(sql, repository, digest),
    }
}

/// Sees that the repository has what the manifest names, in the lengths it says, and notes which blobs it keeps.
///
/// A blob that another repository has does not count: naming a digest must not open what one may not read.
fn check_contents(
    sql: &mut dyn Sql,
    repository: i64,
    name: &RepositoryName,
    document: &mut ManifestDocument,
    sparse: bool,
) -> Result<(), RegistryError> {
    let mut kept = Vec::new();
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
            None => missing.push(*digest),
        }
    }
    for digest in &document.optional {
        if db::blobs::find_in_repository(sql, repository, digest)?.is_some() {
            kept.push(*digest);
        }
    }
    if !sparse {
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
    Ok(())
}

fn delete_with_tags(
    sql: &mut dyn Sql,
    repository: i64,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<bool, db::SqlError> {
    let Some(manifest) = db::manifests::find_id(sql, repository, digest)? else {
        return Ok(false);
    };
    for tag in db::tags::of_manifest(sql, manifest)? {
        records::queue(sql, RecordKind::Tag, name.as_str(), &tag)?;
    }
    records::queue(
        sql,
        RecordKind::Manifest,
        name.as_str(),
        &digest.to_string(),
    )?;
    db::manifests::delete(sql, manifest)?;
    Ok(true)
}
