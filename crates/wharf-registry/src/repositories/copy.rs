//! Artifacts, copied from one repository to another without moving a byte.

use std::collections::BTreeSet;

use wharf_oci::{Digest, Tag};

use super::artifacts::shown;
use super::manifest_document::ManifestDocument;
use super::manifests::{check_contents, find as find_manifest};
use super::{ManifestReference, RepositoryName};
use crate::audit::{Actor, Operation, Subject};
use crate::db::manifests::StoredManifest;
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability, Sql};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::settings::SparseManifests;

/// Most manifests that one copy takes along.
const MANIFEST_LIMIT: usize = 10_000;

/// A wanted copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactCopy {
    /// The repository that has it. That it may be pulled from was decided before.
    pub source: RepositoryName,
    /// Which artifact. A tag comes along.
    pub reference: ManifestReference,
    /// The number of the target's project.
    pub project: i64,
    /// The repository that gets it.
    pub target: RepositoryName,
    /// Whether a tag that the target has may be moved.
    pub may_move_tags: bool,
}

impl Registry {
    /// Copies an artifact with all that it names and all that says something about it. Gives its digest.
    pub async fn copy_artifact(
        &self,
        actor: Actor,
        copy: ArtifactCopy,
    ) -> Result<Digest, RegistryError> {
        self.db()
            .write(Durability::Full, move |sql| {
                let source = shown(sql, &copy.source)?.id;
                let manifest = find_manifest(sql, source, &copy.reference)?;
                let manifest = manifest.ok_or_else(|| RegistryError::ManifestUnknown {
                    name: copy.source.to_string(),
                    reference: copy.reference.to_string(),
                })?;
                let digest = manifest.digest;
                let target = &copy.target;
                let to =
                    db::repositories::find_or_insert(sql, copy.project, target.as_str(), actor.at)?;
                sql.touches_repository(to);
                for manifest in everything(sql, source, manifest)? {
                    let mut document = read(&manifest)?;
                    link_blobs(sql, source, to, &document, actor.at)?;
                    check_contents(sql, to, target, &mut document, SparseManifests::ALLOWED)?;
                    let by = &actor.name;
                    db::manifests::insert(sql, to, &document.record, by, actor.at)?;
                    let digest = manifest.digest.to_string();
                    records::queue(sql, RecordKind::Manifest, target.as_str(), &digest)?;
                }
                if let ManifestReference::Tag(tag) = &copy.reference {
                    set_tag(sql, &copy, to, tag, &digest, &actor)?;
                }
                db::repositories::show(sql, to, actor.at)?;
                let what = format!("{target}@{digest}");
                let (subject, detail) = (Subject::Artifact, format!("from {}", copy.source));
                let project = Some(copy.project);
                actor.note_more(sql, Operation::Create, subject, &what, project, &detail)?;
                Ok(digest)
            })
            .await
    }
}

/// The manifest with all that it names and all that says something about it, what others name before those.
fn everything(
    sql: &mut dyn Sql,
    source: i64,
    first: StoredManifest,
) -> Result<Vec<StoredManifest>, RegistryError> {
    let mut seen = BTreeSet::from([first.digest]);
    let mut found = vec![first];
    let mut next = 0;
    while let Some(manifest) = found.get(next) {
        let (id, digest) = (manifest.id, manifest.digest.to_string());
        next += 1;
        let children = db::artifacts::children(sql, id, MANIFEST_LIMIT as u64)?;
        let mut others: Vec<String> = children.into_iter().map(|child| child.digest).collect();
        others.extend(db::artifacts::referrers_of(sql, source, &digest)?);
        for other in others {
            let Ok(other) = other.parse::<Digest>() else {
                continue;
            };
            // A sparse index names what its repository does not have.
            if seen.insert(other)
                && let Some(manifest) = db::manifests::find_by_digest(sql, source, &other)?
            {
                found.push(manifest);
            }
        }
        if found.len() > MANIFEST_LIMIT {
            return Err(RegistryError::Precondition {
                reason: format!("more than {MANIFEST_LIMIT} manifests belong to the artifact"),
            });
        }
    }
    found.reverse();
    Ok(found)
}

fn read(manifest: &StoredManifest) -> Result<ManifestDocument, RegistryError> {
    let (content, media_type) = (manifest.content.to_vec(), &manifest.media_type);
    ManifestDocument::read(content, Some(media_type), manifest.digest.algorithm())
}

/// Lets the target show what the source shows of a manifest's blobs.
fn link_blobs(
    sql: &mut dyn Sql,
    source: i64,
    target: i64,
    document: &ManifestDocument,
    now: i64,
) -> Result<(), RegistryError> {
    for digest in document.needed.keys().chain(&document.optional) {
        if db::blobs::find_in_repository(sql, source, digest)?.is_some() {
            db::blobs::link(sql, target, digest, now)?;
        }
    }
    Ok(())
}

fn set_tag(
    sql: &mut dyn Sql,
    copy: &ArtifactCopy,
    repository: i64,
    tag: &Tag,
    digest: &Digest,
    actor: &Actor,
) -> Result<(), RegistryError> {
    let target = &copy.target;
    let present = db::manifests::find_by_tag(sql, repository, tag.as_str())?;
    if present.is_some_and(|present| present.digest != *digest) && !copy.may_move_tags {
        return Err(RegistryError::Conflict {
            reason: format!("tag {tag} already exists in {target}, and moving it is pushing"),
        });
    }
    let manifest = db::manifests::find_id(sql, repository, digest)?.unwrap_or_default();
    db::tags::set(
        sql,
        repository,
        tag.as_str(),
        manifest,
        &actor.name,
        actor.at,
    )?;
    records::queue(sql, RecordKind::Tag, target.as_str(), tag.as_str())?;
    Ok(())
}
