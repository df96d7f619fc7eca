//! Artifacts: manifests with all that people want to know of them.

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use wharf_oci::Digest;

use super::manifests::find as find_manifest;
use super::{ManifestReference, RepositoryName};
use crate::db::artifacts::{ArtifactRecord, ArtifactScope, ChildRecord, TagRecord};
use crate::db::blobs::BlobRecord;
use crate::db::repositories::RepositoryRecord;
use crate::db::{self, Sql, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;
use crate::storage::StorageError;

/// Most children, tags and accessories that are shown with an artifact.
const SHOWN_LIMIT: u64 = 100;
/// Longest config that is read, in bytes.
const CONFIG_LIMIT_BYTES: u64 = 4 << 20;
/// Configs that are read at once for one page.
const CONFIGS_AT_ONCE: usize = 8;

/// What is wanted with artifacts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ArtifactDetails {
    /// Their tags.
    pub tags: bool,
    /// Their signatures, SBOMs and the like.
    pub accessories: bool,
}

/// An artifact with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Artifact {
    /// What is recorded of it.
    pub record: ArtifactRecord,
    /// Its tags, if wanted.
    pub tags: Vec<TagRecord>,
    /// What it names, for an index.
    pub children: Vec<ChildRecord>,
    /// What says something about it, if wanted.
    pub accessories: Vec<ArtifactRecord>,
    /// Its config, if that is a JSON document.
    pub config: Option<Value>,
}

/// An artifact before its config was read.
struct Found {
    artifact: Artifact,
    config: Option<BlobRecord>,
}

impl Registry {
    /// The artifacts of a repository.
    pub async fn list_artifacts(
        &self,
        name: &RepositoryName,
        request: ListRequest,
        details: ArtifactDetails,
    ) -> Result<Page<Artifact>, RegistryError> {
        let name = name.clone();
        let page = self
            .db()
            .read(move |sql| {
                let repository = shown(sql, &name)?;
                page(
                    sql,
                    ArtifactScope::Repository(repository.id),
                    request,
                    details,
                )
            })
            .await?;
        self.with_configs(page).await
    }

    /// The artifacts of all repositories of a project.
    pub async fn list_artifacts_of_project(
        &self,
        project: i64,
        request: ListRequest,
        details: ArtifactDetails,
    ) -> Result<Page<Artifact>, RegistryError> {
        let page = self
            .db()
            .read(move |sql| page(sql, ArtifactScope::Project(project), request, details))
            .await?;
        self.with_configs(page).await
    }

    /// The artifact under `reference`.
    pub async fn find_artifact(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
        details: ArtifactDetails,
    ) -> Result<Artifact, RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        let found = self
            .db()
            .read(move |sql| {
                let record = record(sql, &name, &reference)?;
                describe(sql, record, details)
            })
            .await?;
        self.with_config(found).await
    }

    /// The tags of an artifact.
    pub async fn list_artifact_tags(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
        request: ListRequest,
    ) -> Result<Page<TagRecord>, RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.db()
            .read(move |sql| {
                let record = record(sql, &name, &reference)?;
                Ok(db::artifacts::tags(sql, record.id, &request)?)
            })
            .await
    }

    /// What says something about an artifact: signatures, SBOMs and the like. The artifact itself comes first.
    pub async fn list_accessories(
        &self,
        name: &RepositoryName,
        reference: &ManifestReference,
        request: ListRequest,
    ) -> Result<(ArtifactRecord, Page<ArtifactRecord>), RegistryError> {
        let (name, reference) = (name.clone(), reference.clone());
        self.db()
            .read(move |sql| {
                let record = record(sql, &name, &reference)?;
                let (repository, digest) = (record.repository, &record.digest);
                let page = db::artifacts::accessories(sql, repository, digest, &request)?;
                Ok((record, page))
            })
            .await
    }

    async fn with_configs(&self, page: Page<Found>) -> Result<Page<Artifact>, RegistryError> {
        let artifacts: Vec<Result<Artifact, RegistryError>> = stream::iter(page.items)
            .map(|found| self.with_config(found))
            .buffered(CONFIGS_AT_ONCE)
            .collect()
            .await;
        Ok(Page {
            items: artifacts.into_iter().collect::<Result<_, _>>()?,
            total: page.total,
        })
    }

    async fn read_config(&self, blob: &BlobRecord) -> Result<Bytes, StorageError> {
        self.storage()
            .read(&blob.key, 0..blob.size)
            .await?
            .collect()
            .await
    }

    /// Reads the config. One that is gone or no JSON is left out: the list is of use without it.
    async fn with_config(&self, found: Found) -> Result<Artifact, RegistryError> {
        let mut artifact = found.artifact;
        if let Some(blob) = found.config.filter(|blob| blob.size <= CONFIG_LIMIT_BYTES) {
            let bytes = self.read_config(&blob).await;
            let bytes = bytes.inspect_err(|error| {
                tracing::warn!(digest = artifact.record.digest, %error, "a config cannot be read");
            });
            artifact.config = bytes
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        }
        Ok(artifact)
    }
}

/// The repository, if something was ever pushed to it.
pub(super) fn shown(
    sql: &mut dyn Sql,
    name: &RepositoryName,
) -> Result<RepositoryRecord, RegistryError> {
    db::repositories::find_shown(sql, name.as_str())?.ok_or_else(|| RegistryError::NameUnknown {
        name: name.to_string(),
    })
}

/// The artifact under a reference.
pub(super) fn record(
    sql: &mut dyn Sql,
    name: &RepositoryName,
    reference: &ManifestReference,
) -> Result<ArtifactRecord, RegistryError> {
    let repository = shown(sql, name)?;
    let manifest = find_manifest(sql, repository.id, reference)?;
    let record = match manifest {
        Some(manifest) => db::artifacts::find(sql, manifest.id)?,
        None => None,
    };
    record.ok_or_else(|| RegistryError::ManifestUnknown {
        name: name.to_string(),
        reference: reference.to_string(),
    })
}

fn page(
    sql: &mut dyn Sql,
    scope: ArtifactScope,
    request: ListRequest,
    details: ArtifactDetails,
) -> Result<Page<Found>, RegistryError> {
    let page = db::artifacts::list(sql, scope, request)?;
    let found = page
        .items
        .into_iter()
        .map(|record| describe(sql, record, details))
        .collect::<Result<_, _>>()?;
    Ok(Page {
        items: found,
        total: page.total,
    })
}

fn describe(
    sql: &mut dyn Sql,
    record: ArtifactRecord,
    details: ArtifactDetails,
) -> Result<Found, RegistryError> {
    let tags = if details.tags {
        db::artifacts::latest_tags(sql, record.id, SHOWN_LIMIT)?
    } else {
        Vec::new()
    };
    let accessories = if details.accessories {
        let some = ListRequest {
            page_size: SHOWN_LIMIT,
            ..ListRequest::default()
        };
        db::artifacts::accessories(sql, record.repository, &record.digest, &some)?.items
    } else {
        Vec::new()
    };
    let children = match record.config_digest {
        None => db::artifacts::children(sql, record.id, SHOWN_LIMIT)?,
        Some(_) => Vec::new(),
    };
    Ok(Found {
        config: config_blob(sql, &record)?,
        artifact: Artifact {
            record,
            tags,
            children,
            accessories,
            config: None,
        },
    })
}

fn config_blob(sql: &mut dyn Sql, record: &ArtifactRecord) -> Result<Option<BlobRecord>, SqlError> {
    let digest: Option<Digest> = record
        .config_digest
        .as_deref()
        .and_then(|digest| digest.parse().ok());
    match digest {
        Some(digest) => db::blobs::find_in_repository(sql, record.repository, &digest),
        None => Ok(None),
    }
}
