//! Further tags for artifacts that are there.

use wharf_oci::Tag;

use super::artifacts::record;
use super::{ManifestReference, RepositoryName};
use crate::audit::{Actor, Operation, Subject};
use crate::db::records::{self, RecordKind};
use crate::db::{self, Durability};
use crate::error::RegistryError;
use crate::registry::Registry;

impl Registry {
    /// Gives an artifact a tag that the repository does not have yet. Moving one is pushing.
    pub async fn create_tag(
        &self,
        actor: Actor,
        name: &RepositoryName,
        reference: &ManifestReference,
        tag: Tag,
    ) -> Result<(), RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.db()
            .write(Durability::Full, move |sql| {
                let artifact = record(sql, &name, &reference)?;
                let repository = artifact.repository;
                if db::manifests::find_by_tag(sql, repository, tag.as_str())?.is_some() {
                    return Err(RegistryError::Conflict {
                        reason: format!("tag {tag} already exists in {name}"),
                    });
                }
                sql.touches_repository(repository);
                let by = &actor.name;
                db::tags::set(sql, repository, tag.as_str(), artifact.id, by, actor.at)?;
                records::queue(sql, RecordKind::Tag, name.as_str(), tag.as_str())?;
                db::repositories::show(sql, repository, actor.at)?;
                let (what, project) = (format!("{name}:{tag}"), Some(artifact.project));
                actor.note(sql, Operation::Create, Subject::Tag, &what, project)?;
                Ok(())
            })
            .await
    }
}
