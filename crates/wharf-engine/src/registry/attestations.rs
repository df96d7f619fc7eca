//! The images of an index with their configs, and with what builds attested about them.

use wharf_oci::{
    Descriptor, Index, MANIFEST_LIMIT_BYTES, Manifest, ParsedManifest, Platform, RawManifest,
    Reference,
};
use wharf_registry_client::{RepositoryClient, TagOrDigest};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Longest statement that is read. Lists of contents of large images have tens of megabytes.
const STATEMENT_LIMIT_BYTES: u64 = 128 << 20;
const IN_TOTO: &str = "application/vnd.in-toto+json";
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
const ATTESTED_DIGEST: &str = "vnd.docker.reference.digest";

/// What an attestation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestationKind {
    /// What is in the image (SPDX).
    Contents,
    /// How the image was built (SLSA).
    Provenance,
}

/// An image in a registry.
#[derive(Debug, Clone)]
pub struct RegistryImage {
    /// What it runs on.
    pub platform: Platform,
    /// Its config, as it is.
    pub config: Vec<u8>,
    /// Its repository, by which attestations are read.
    repository: Reference,
    /// Blobs that hold attestations.
    attestations: Vec<(AttestationKind, Descriptor)>,
}

impl Engine {
    /// The images of what [`Engine::registry_document`] has read under the name `reference`.
    pub async fn registry_images(
        &self,
        reference: &Reference,
        document: &RawManifest,
    ) -> Result<Vec<RegistryImage>, EngineError> {
        let client = self.repository(reference.repository())?;
        let index = match document.parse().map_err(classify)? {
            ParsedManifest::Index(index) => index,
            ParsedManifest::Manifest(manifest) => {
                let image = read_image(&client, &manifest, None).await?;
                return Ok(vec![image]);
            }
        };
        let mut images = Vec::new();
        for entry in index.manifests.iter().filter(|one| !one.is_attestation()) {
            // An index in an index is not an image.
            let Some(manifest) = read_manifest(&client, entry).await? else {
                continue;
            };
            let mut image = read_image(&client, &manifest, entry.platform.clone()).await?;
            image.attestations = attestations(&client, &index, entry).await?;
            images.push(image);
        }
        Ok(images)
    }

    /// The statements of one kind about `image`, as JSON documents (in-toto).
    pub async fn statements(
        &self,
        image: &RegistryImage,
        kind: AttestationKind,
    ) -> Result<Vec<Vec<u8>>, EngineError> {
        let client = self.repository(image.repository.repository())?;
        let mut statements = Vec::new();
        for (_, blob) in image.attestations.iter().filter(|(of, _)| *of == kind) {
            let statement = client.read_blob(blob, STATEMENT_LIMIT_BYTES).await;
            statements.push(statement.map_err(classify)?);
        }
        Ok(statements)
    }
}

async fn read_manifest(
    client: &RepositoryClient,
    entry: &Descriptor,
) -> Result<Option<Manifest>, EngineError> {
    let wanted = TagOrDigest::Digest(entry.digest);
    let raw = client.get_manifest(&wanted).await.map_err(classify)?;
    Ok(match raw.parse().map_err(classify)? {
        ParsedManifest::Manifest(manifest) => Some(*manifest),
        ParsedManifest::Index(_) => None,
    })
}

async fn read_image(
    client: &RepositoryClient,
    manifest: &Manifest,
    platform: Option<Platform>,
) -> Result<RegistryImage, EngineError> {
    let limit = MANIFEST_LIMIT_BYTES as u64;
    let config = client.read_blob(&manifest.config, limit).await;
    let config = config.map_err(classify)?;
    let platform = match platform {
        Some(platform) => platform,
        None => serde_json::from_slice(&config)
            .map_err(|error| classify(super::ManifestListError::Document(error)))?,
    };
    Ok(RegistryImage {
        platform: platform.normalized(),
        config,
        repository: client.name().clone().into_reference(),
        attestations: Vec::new(),
    })
}

/// The blobs with attestations about `image` that the index has.
async fn attestations(
    client: &RepositoryClient,
    index: &Index,
    image: &Descriptor,
) -> Result<Vec<(AttestationKind, Descriptor)>, EngineError> {
    let digest = image.digest.to_string();
    let about = |entry: &&Descriptor| {
        entry.is_attestation() && entry.annotation(ATTESTED_DIGEST) == Some(&digest)
    };
    let mut found = Vec::new();
    for entry in index.manifests.iter().filter(about) {
        let Some(manifest) = read_manifest(client, entry).await? else {
            continue;
        };
        for blob in manifest.layers {
            let kind = blob.annotation(PREDICATE_TYPE).and_then(kind_of);
            if let Some(kind) = kind.filter(|_| blob.media_type.as_str() == IN_TOTO) {
                found.push((kind, blob));
            }
        }
    }
    Ok(found)
}

fn kind_of(predicate: &str) -> Option<AttestationKind> {
    if predicate.starts_with("https://slsa.dev/provenance/") {
        Some(AttestationKind::Provenance)
    } else if predicate.starts_with("https://spdx.dev/Document") {
        Some(AttestationKind::Contents)
    } else {
        None
    }
}
