//! Sends a manifest list to a registry: first what it lists, then the list.

use wharf_oci::{Descriptor, ManifestDigest, ParsedManifest, RawManifest, Reference, Repository};
use wharf_registry_client::{MountOutcome, RepositoryClient, TagOrDigest};
use wharf_transfer::ErrorKind;

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

use super::entry::ManifestEntry;
use super::list_document::list_of;

/// A manifest that the registry has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushedManifest {
    /// Where, by digest.
    pub reference: Reference,
    /// Its digest.
    pub digest: ManifestDigest,
}

impl Engine {
    /// Makes a list of the entries and stores it under `list`, with the manifests that it points to and, where those come
    /// from other repositories of the same registry, their blobs. `pushed` hears of each manifest.
    pub async fn push_manifest_list(
        &self,
        list: &Reference,
        entries: &[ManifestEntry],
        mut pushed: impl FnMut(PushedManifest),
    ) -> Result<ManifestDigest, EngineError> {
        let document = list_of(entries).map_err(classify)?;
        let repository = list.repository();
        let client = self.repository(repository)?;
        for entry in entries {
            provide(&client, entry.reference.repository(), &entry.raw).await?;
            let digest = entry.raw.digest();
            let name = TagOrDigest::Digest(*digest.digest());
            client
                .put_manifest(&name, &entry.raw)
                .await
                .map_err(classify)?;
            let reference = repository.with_digest(*digest.digest());
            pushed(PushedManifest { reference, digest });
        }
        let stored = client
            .put_manifest(&TagOrDigest::of(list), &document)
            .await
            .map_err(classify)?;
        Ok(stored.digest)
    }

    /// Stores an index that was made elsewhere under `name`, with the manifests that it points to: those of `sources`.
    pub async fn push_index(
        &self,
        name: &Reference,
        index: &RawManifest,
        sources: &[(Repository, RawManifest)],
    ) -> Result<ManifestDigest, EngineError> {
        let client = self.repository(name.repository())?;
        for (from, manifest) in sources {
            provide(&client, from, manifest).await?;
            let digest = TagOrDigest::Digest(*manifest.digest().digest());
            client
                .put_manifest(&digest, manifest)
                .await
                .map_err(classify)?;
        }
        let stored = client
            .put_manifest(&TagOrDigest::of(name), index)
            .await
            .map_err(classify)?;
        Ok(stored.digest)
    }
}

/// Sees to it that the repository has what a manifest points to.
async fn provide(
    client: &RepositoryClient,
    from: &Repository,
    manifest: &RawManifest,
) -> Result<(), EngineError> {
    if from == client.name() {
        return Ok(());
    }
    let ParsedManifest::Manifest(parsed) = manifest.parse().map_err(classify)? else {
        return Ok(());
    };
    for blob in std::iter::once(&parsed.config).chain(&parsed.layers) {
        mount(client, from, blob).await?;
    }
    Ok(())
}

async fn mount(
    client: &RepositoryClient,
    from: &Repository,
    blob: &Descriptor,
) -> Result<(), EngineError> {
    if client
        .blob_exists(&blob.digest)
        .await
        .map_err(classify)?
        .is_some()
    {
        return Ok(());
    }
    if from.domain() == client.name().domain() {
        match client
            .mount_blob(&blob.digest, from)
            .await
            .map_err(classify)?
        {
            MountOutcome::Mounted => return Ok(()),
            // Nothing was asked to be sent: the registry need not wait for it.
            MountOutcome::Upload(session) => session.cancel().await.map_err(classify)?,
        }
    }
    let text = format!(
        "{} does not have blob {} of {from}, and could not take it from there: push or copy that image into it first",
        client.name(),
        blob.digest
    );
    Err(failure(ErrorKind::Conflict, text))
}
