//! What a registry has under a name.

use wharf_oci::{Descriptor, ImageConfig, Index, ParsedManifest, RawManifest, Reference};
use wharf_registry_client::{ManifestFetchError, RepositoryClient, TagOrDigest};
use wharf_transfer::ErrorKind;

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

use super::entry::ManifestEntry;

/// Configs that say more than this about an image are none.
const CONFIG_LIMIT_BYTES: u64 = 8 << 20;

/// What a registry has under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteManifest {
    /// One image.
    Manifest(Box<ManifestEntry>),
    /// Several, by platform.
    Index {
        /// As served.
        raw: RawManifest,
        /// What it says.
        index: Box<Index>,
    },
}

impl Engine {
    /// The manifest or index under a name, which is neither stored nor followed further.
    pub async fn remote_manifest(
        &self,
        reference: &Reference,
    ) -> Result<RemoteManifest, EngineError> {
        let client = self.repository(reference.repository())?;
        let raw = match client.get_manifest(&TagOrDigest::of(reference)).await {
            Ok(raw) => raw,
            Err(
                error @ (ManifestFetchError::NotFound { .. }
                | ManifestFetchError::UnknownRepository { .. }),
            ) => {
                tracing::debug!(%error, "no such manifest");
                return Err(failure(
                    ErrorKind::NotFound,
                    format!("no such manifest: {reference}"),
                ));
            }
            Err(error) => return Err(classify(error)),
        };
        match raw.parse().map_err(classify)? {
            ParsedManifest::Index(index) => Ok(RemoteManifest::Index { raw, index }),
            ParsedManifest::Manifest(manifest) => {
                let mut descriptor = raw.descriptor();
                descriptor.platform = platform_of(&client, &manifest.config).await?;
                let reference = reference.clone();
                Ok(RemoteManifest::Manifest(Box::new(ManifestEntry {
                    reference,
                    descriptor,
                    raw,
                })))
            }
        }
    }

    /// The manifests that an index of `reference`'s repository points to, each with the platform that the index says.
    pub async fn remote_manifests(
        &self,
        reference: &Reference,
        index: &Index,
    ) -> Result<Vec<ManifestEntry>, EngineError> {
        let client = self.repository(reference.repository())?;
        let mut entries = Vec::with_capacity(index.manifests.len());
        for descriptor in &index.manifests {
            let raw = client
                .get_manifest(&TagOrDigest::Digest(descriptor.digest))
                .await
                .map_err(classify)?;
            let reference = reference.repository().with_digest(descriptor.digest);
            entries.push(ManifestEntry {
                reference,
                descriptor: descriptor.clone(),
                raw,
            });
        }
        Ok(entries)
    }

    /// A small blob of a repository, such as a config or an attestation.
    pub async fn remote_blob(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
    ) -> Result<Vec<u8>, EngineError> {
        let client = self.repository(reference.repository())?;
        client
            .read_blob(descriptor, CONFIG_LIMIT_BYTES)
            .await
            .map_err(classify)
    }
}

/// What an image says that it runs on; artifacts that are no images say nothing.
async fn platform_of(
    client: &RepositoryClient,
    config: &Descriptor,
) -> Result<Option<wharf_oci::Platform>, EngineError> {
    let bytes = client
        .read_blob(config, CONFIG_LIMIT_BYTES)
        .await
        .map_err(classify)?;
    Ok(ImageConfig::parse(bytes)
        .ok()
        .map(|config| config.platform()))
}
