//! The trash: deleted manifests, which can be brought back until their time is over.

use wharf_oci::{Digest, MediaType, Tag};

use super::RepositoryName;
use super::manifest_document::ManifestDocument;
use super::manifests::RecordedManifest;
use crate::db::trash::TrashEntry;
use crate::db::{self, Durability, Sql};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::settings::SparseManifests;

/// A deleted manifest, as a list shows it.
#[derive(Debug, Clone)]
pub struct DeletedManifest {
    /// Its number in the trash.
    pub id: i64,
    /// The repository it was in.
    pub repository: String,
    /// Its digest.
    pub digest: String,
    /// The tags that named it.
    pub tags: Vec<String>,
    /// When it was deleted, in microseconds since 1970.
    pub deleted: i64,
    /// By whom.
    pub deleted_by: String,
}

impl Registry {
    /// Up to `limit` deleted manifests of a project before the number `before`, the latest first.
    pub async fn list_trash(
        &self,
        project: i64,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<DeletedManifest>, RegistryError> {
        let before = before.unwrap_or(i64::MAX);
        let entries = self
            .db()
            .read(move |sql| db::trash::list(sql, project, before, limit))
            .await
            .map_err(RegistryError::Database)?;
        Ok(entries.into_iter().map(shown).collect())
    }

    /// Brings a deleted manifest back, with those of its tags that name nothing else by now.
    pub async fn restore_manifest(
        &self,
        project: i64,
        id: i64,
        actor: &str,
    ) -> Result<(), RegistryError> {
        let (actor, now) = (actor.to_owned(), self.now());
        let sparse = self.settings().sparse;
        self.db()
            .write(Durability::Full, move |sql| {
                restore(sql, project, id, sparse, &actor, now)
            })
            .await
    }
}

/// The one transaction of a restoration.
pub(crate) fn restore(
    sql: &mut dyn Sql,
    project: i64,
    id: i64,
    sparse: SparseManifests,
    actor: &str,
    now: i64,
) -> Result<(), RegistryError> {
    let not_found = || RegistryError::NotFound {
        what: format!("deleted manifest {id}"),
    };
    let damaged = |what: String| RegistryError::Internal(format!("row {id} of trash: {what}"));
    let entry = db::trash::find(sql, project, id)?.ok_or_else(not_found)?;
    let name = RepositoryName::parse(&entry.repository_name)?;
    let digest: Digest = entry
        .digest
        .parse()
        .map_err(|error| damaged(format!("{error}")))?;
    let media_type = MediaType::new(&entry.media_type);
    let document =
        ManifestDocument::read(entry.content.clone(), Some(&media_type), digest.algorithm())?;
    let repository = db::repositories::find_or_insert(sql, project, name.as_str(), now)?;
    for blob in db::trash::blobs(sql, id)? {
        let blob = blob.parse().map_err(|error| damaged(format!("{error}")))?;
        db::blobs::link(sql, repository, &blob, now)?;
    }
    let mut tags = Vec::new();
    for tag in tag_names(&entry) {
        let is_free = db::manifests::find_by_tag(sql, repository, &tag)?.is_none();
        tags.extend(is_free.then(|| tag.parse::<Tag>().ok()).flatten());
    }
    let mut change = RecordedManifest {
        project,
        name,
        document,
        tags,
        actor: actor.to_owned(),
        sparse,
    };
    change.record(sql, now)?;
    db::trash::delete(sql, id)?;
    Ok(())
}

fn shown(entry: TrashEntry) -> DeletedManifest {
    DeletedManifest {
        tags: tag_names(&entry),
        id: entry.id,
        repository: entry.repository_name,
        digest: entry.digest,
        deleted: entry.deleted,
        deleted_by: entry.deleted_by,
    }
}

fn tag_names(entry: &TrashEntry) -> Vec<String> {
    serde_json::from_str(&entry.tags).unwrap_or_default()
}
