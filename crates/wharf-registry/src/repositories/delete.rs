//! Artifacts and repositories, removed with what belongs to them. Manifests go to the trash.

use wharf_oci::Digest;

use super::artifacts::{record, shown};
use super::manifests::discard;
use super::{ManifestReference, RepositoryName};
use crate::audit::{Actor, Operation, Subject};
use crate::db::records::{self, RecordKind};
use crate::db::repositories::RepositoryRecord;
use crate::db::{self, Durability, Sql};
use crate::error::RegistryError;
use crate::registry::Registry;

/// How deep accessories of accessories are followed: a signature of an SBOM of an image is three.
const DEPTH_LIMIT: usize = 16;

impl Registry {
    /// Removes an artifact with all its tags, and the signatures and SBOMs that say something about it. One that an index
    /// names stays.
    pub async fn delete_artifact(
        &self,
        actor: Actor,
        name: &RepositoryName,
        reference: &ManifestReference,
    ) -> Result<(), RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let repository = shown(sql, &name)?;
                sql.touches_repository(repository.id);
                let digest = record(sql, &name, &reference)?.digest;
                if let Some(parent) = db::artifacts::parent_of(sql, repository.id, &digest)? {
                    return Err(RegistryError::Precondition {
                        reason: format!("{digest} is a part of {parent}; delete that first"),
                    });
                }
                delete_with_accessories(sql, &repository, &name, &digest, &actor, DEPTH_LIMIT)?;
                db::repositories::show(sql, repository.id, actor.at)?;
                let (what, project) = (format!("{name}@{digest}"), Some(repository.project));
                actor.note(sql, Operation::Delete, Subject::Artifact, &what, project)?;
                Ok(())
            })
            .await
    }

    /// Removes a tag from an artifact.
    pub async fn delete_artifact_tag(
        &self,
        actor: Actor,
        name: &RepositoryName,
        reference: &ManifestReference,
        tag: &str,
    ) -> Result<(), RegistryError> {
        let (name, reference, tag) = (name.clone(), reference.clone(), tag.to_owned());
        self.db()
            .write(Durability::Full, move |sql| {
                let artifact = record(sql, &name, &reference)?;
                if !db::tags::is_of_manifest(sql, artifact.id, &tag)? {
                    return Err(RegistryError::NotFound {
                        what: format!("tag {tag} of {name}@{}", artifact.digest),
                    });
                }
                sql.touches_repository(artifact.repository);
                db::tags::delete(sql, artifact.repository, &tag)?;
                records::queue(sql, RecordKind::Tag, name.as_str(), &tag)?;
                db::repositories::show(sql, artifact.repository, actor.at)?;
                let (what, project) = (format!("{name}:{tag}"), Some(artifact.project));
                actor.note(sql, Operation::Delete, Subject::Tag, &what, project)?;
                Ok(())
            })
            .await
    }

    /// Removes a repository with everything in it.
    pub async fn delete_repository(
        &self,
        actor: Actor,
        name: &RepositoryName,
    ) -> Result<(), RegistryError> {
        let name = name.clone();
        self.db()
            .write(Durability::Full, move |sql| {
                let repository = shown(sql, &name)?;
                sql.touches_repository(repository.id);
                for digest in db::manifests::digests(sql, repository.id)? {
                    discard(
                        sql,
                        &repository,
                        &name,
                        &parsed(&digest)?,
                        &actor.name,
                        actor.at,
                    )?;
                }
                db::repositories::hide(sql, repository.id, actor.at)?;
                let (subject, project) = (Subject::Repository, Some(repository.project));
                actor.note(sql, Operation::Delete, subject, name.as_str(), project)?;
                Ok(())
            })
            .await
    }
}

fn delete_with_accessories(
    sql: &mut dyn Sql,
    repository: &RepositoryRecord,
    name: &RepositoryName,
    digest: &str,
    actor: &Actor,
    depth: usize,
) -> Result<(), RegistryError> {
    discard(
        sql,
        repository,
        name,
        &parsed(digest)?,
        &actor.name,
        actor.at,
    )?;
    if depth > 0 {
        for accessory in db::artifacts::referrers_of(sql, repository.id, digest)? {
            delete_with_accessories(sql, repository, name, &accessory, actor, depth - 1)?;
        }
    }
    Ok(())
}

fn parsed(digest: &str) -> Result<Digest, RegistryError> {
    let damaged = |error| RegistryError::Internal(format!("manifests.digest {digest:?}: {error}"));
    digest.parse().map_err(damaged)
}
