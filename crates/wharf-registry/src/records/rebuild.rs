//! `rebuild`: an empty database is made anew from storage: projects, repositories, manifests, tags, blobs. Who was a member
//! of what, users and robots are not in storage: that is what backups are for.

use serde::de::DeserializeOwned;
use wharf_oci::{Digest, MediaType, Tag};

use super::document::{MANIFESTS, ManifestRecord, PROJECTS, ProjectDocument, TAGS, TagDocument};
use crate::db::projects::NewProject;
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::{ManifestDocument, RepositoryName};
use crate::storage::{ObjectKey, StoredObject};

/// Objects that one question lists.
const PAGE: usize = 500;

/// What a rebuild found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Blobs.
    pub blobs: u64,
    /// Projects.
    pub projects: u64,
    /// Manifests.
    pub manifests: u64,
    /// Tags.
    pub tags: u64,
    /// What could not be taken over, and why.
    pub problems: Vec<String>,
}

impl Registry {
    /// Fills an empty database from storage. A database that has projects is refused: nothing is mixed.
    pub async fn rebuild(&self) -> Result<RebuildReport, RegistryError> {
        let is_used = self
            .db()
            .read(|sql| db::projects::any(sql))
            .await
            .map_err(RegistryError::Database)?;
        if is_used {
            return Err(RegistryError::Conflict {
                reason: "the database is not empty; give a new one to be rebuilt into".to_owned(),
            });
        }
        let mut report = RebuildReport::default();
        self.rebuild_blobs(&mut report).await?;
        self.rebuild_projects(&mut report).await?;
        self.rebuild_manifests(&mut report).await?;
        self.rebuild_tags(&mut report).await?;
        Ok(report)
    }

    async fn rebuild_blobs(&self, report: &mut RebuildReport) -> Result<(), RegistryError> {
        let mut after = None;
        loop {
            let page = self.storage().list("blobs/", after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            for listed in page {
                let Some(digest) = self.digest_of(&listed.key).await? else {
                    report
                        .problems
                        .push(format!("{}: no digest is known for it", listed.key));
                    continue;
                };
                let object = StoredObject {
                    key: listed.key,
                    size: listed.size,
                };
                let now = self.now();
                // Of several objects with the same bytes one is kept, and the others are left to the collector.
                let is_first = self
                    .take_over(move |sql| {
                        let is_first = db::blobs::find_size(sql, &digest)?.is_none();
                        db::blobs::insert(sql, &digest, &object, now)?;
                        Ok(is_first)
                    })
                    .await?;
                report.blobs += u64::from(is_first);
            }
        }
    }

    /// The digest of an object: in its key, or in the sidecar that lies where the key says.
    async fn digest_of(&self, key: &ObjectKey) -> Result<Option<Digest>, RegistryError> {
        if let Some(digest) = key.blob_digest() {
            return Ok(Some(digest));
        }
        let prefix = format!("digests/{key}/");
        let sidecars = self.storage().list(&prefix, None, 1).await?;
        Ok(sidecars.first().and_then(|sidecar| {
            let (algorithm, hex) = sidecar
                .key
                .as_str()
                .strip_prefix(&prefix)?
                .split_once('/')?;
            format!("{algorithm}:{hex}").parse().ok()
        }))
    }

    async fn rebuild_projects(&self, report: &mut RebuildReport) -> Result<(), RegistryError> {
        let mut after = None;
        while let Some((last, documents)) = self
            .documents::<ProjectDocument>(PROJECTS, after.as_ref(), report)
            .await?
        {
            after = Some(last);
            for project in documents {
                let new = NewProject {
                    name: project.name,
                    owner: None,
                    owner_name: project.owner_name,
                    public: project.public,
                    metadata: project.metadata,
                };
                self.take_over(move |sql| db::projects::insert(sql, &new, project.created))
                    .await?;
                report.projects += 1;
            }
        }
        Ok(())
    }

    async fn rebuild_manifests(&self, report: &mut RebuildReport) -> Result<(), RegistryError> {
        let mut after = None;
        while let Some((last, documents)) = self
            .documents::<ManifestRecord>(MANIFESTS, after.as_ref(), report)
            .await?
        {
            after = Some(last);
            for record in documents {
                let what = format!("{}@{}", record.repository, record.digest);
                let now = self.now();
                match self
                    .take_over_checked(move |sql| insert_manifest(sql, &record, now))
                    .await
                {
                    Ok(lost) => {
                        report.manifests += 1;
                        let lost = lost.iter().map(|blob| {
                            format!("{what}: its blob {blob} is not in storage; push it again to mend it")
                        });
                        report.problems.extend(lost);
                    }
                    Err(error) => report.problems.push(format!("{what}: {error}")),
                }
            }
        }
        Ok(())
    }

    async fn rebuild_tags(&self, report: &mut RebuildReport) -> Result<(), RegistryError> {
        let mut after = None;
        while let Some((last, documents)) = self
            .documents::<TagDocument>(TAGS, after.as_ref(), report)
            .await?
        {
            after = Some(last);
            for tag in documents {
                let what = format!("{}:{}", tag.repository, tag.tag);
                match self
                    .take_over_checked(move |sql| insert_tag(sql, &tag))
                    .await
                {
                    Ok(()) => report.tags += 1,
                    Err(error) => report.problems.push(format!("{what}: {error}")),
                }
            }
        }
        Ok(())
    }

    /// The next page of records below `prefix`, and the last key of it; `None` at the end.
    async fn documents<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        report: &mut RebuildReport,
    ) -> Result<Option<(ObjectKey, Vec<T>)>, RegistryError> {
        let page = self.storage().list(prefix, after, PAGE).await?;
        let Some(last) = page.last().map(|last| last.key.clone()) else {
            return Ok(None);
        };
        let mut documents = Vec::new();
        for listed in page {
            let bytes = self.storage().read_whole(&listed.key, listed.size).await?;
            match serde_json::from_slice(&bytes) {
                Ok(document) => documents.push(document),
                Err(error) => report.problems.push(format!("{}: {error}", listed.key)),
            }
        }
        Ok(Some((last, documents)))
    }

    async fn take_over<T: Send + 'static>(
        &self,
        change: impl FnMut(&mut dyn Sql) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let changed = self.db().write(Durability::Relaxed, change).await;
        changed.map_err(RegistryError::Database)
    }

    async fn take_over_checked<T: Send + 'static>(
        &self,
        change: impl FnMut(&mut dyn Sql) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        self.db().write(Durability::Full, change).await
    }
}

/// Takes a manifest over; gives the blobs that it needs and that storage does not have. It waits for them: what is left of an
/// image is worth keeping, and whoever has the blobs can push them again.
fn insert_manifest(
    sql: &mut dyn Sql,
    record: &ManifestRecord,
    now: i64,
) -> Result<Vec<Digest>, RegistryError> {
    let invalid = |reason: &str| RegistryError::ManifestInvalid {
        reason: reason.to_owned(),
    };
    let name = RepositoryName::parse(&record.repository)?;
    let digest: Digest = record
        .digest
        .parse()
        .map_err(|_error| invalid("its digest is damaged"))?;
    let content = record
        .content()
        .ok_or_else(|| invalid("its record is damaged"))?;
    if !digest.matches(&content) {
        return Err(invalid("its bytes have another digest"));
    }
    let media_type = MediaType::new(&record.media_type);
    let mut document = ManifestDocument::read(content, Some(&media_type), digest.algorithm())?;
    let Some(project) = db::projects::find(sql, name.project())? else {
        return Err(invalid("its project has no record"));
    };
    let repository = db::repositories::find_or_insert(sql, project.id, name.as_str(), now)?;
    sql.touches_repository(repository);
    let named = document.needed.keys().chain(&document.optional);
    for blob in named.copied().collect::<Vec<_>>() {
        if db::blobs::find_size(sql, &blob)?.is_some() {
            db::blobs::link(sql, repository, &blob, now)?;
            document.record.blobs.push(blob);
        } else {
            document.record.awaited.push(blob);
        }
    }
    db::manifests::insert(
        sql,
        repository,
        &document.record,
        &record.pushed_by,
        record.pushed,
    )?;
    db::repositories::show(sql, repository, now)?;
    let mut lost = document.record.awaited;
    lost.retain(|blob| document.needed.contains_key(blob));
    Ok(lost)
}

fn insert_tag(sql: &mut dyn Sql, tag: &TagDocument) -> Result<(), RegistryError> {
    let unknown = || RegistryError::ManifestUnknown {
        name: tag.repository.clone(),
        reference: tag.digest.clone(),
    };
    let name: Tag = tag
        .tag
        .parse()
        .map_err(|_error| RegistryError::TagInvalid {
            tag: tag.tag.clone(),
        })?;
    let digest: Digest = tag.digest.parse().map_err(|_error| unknown())?;
    let repository = db::repositories::find_id(sql, &tag.repository)?.ok_or_else(unknown)?;
    sql.touches_repository(repository);
    let manifest = db::manifests::find_id(sql, repository, &digest)?.ok_or_else(unknown)?;
    db::tags::set(
        sql,
        repository,
        name.as_str(),
        manifest,
        &tag.pushed_by,
        tag.updated,
    )?;
    Ok(())
}
