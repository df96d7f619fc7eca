//! Reads manifests in registries together with the platforms that the images' configs tell.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::value::RawValue;
use wharf_oci::{
    Descriptor, Index, MANIFEST_LIMIT_BYTES, Manifest, MediaType, ParsedManifest, Platform,
    RawManifest, Reference,
};
use wharf_registry_client::{ManifestFetchError, RepositoryClient, TagOrDigest};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::engine::Engine;
use crate::error::{EngineError, classify};

use super::documents::{GoDescriptor, compact, without_spaces};
use super::error::ManifestListError;

/// How many manifests of one index are read side by side.
const READERS: usize = 4;

/// What a registry has under a name.
#[derive(Debug, Clone)]
pub enum RegistryManifest {
    /// One image.
    Image(Box<ImageManifest>),
    /// An index or manifest list.
    List {
        /// The document.
        raw: RawManifest,
        /// What it says.
        index: Box<Index>,
    },
}

/// The manifest of one image, with its name and platform: what Docker calls an `ImageManifest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageManifest {
    /// Under which name it was read.
    pub reference: Reference,
    /// What it is, and what the image runs on.
    pub descriptor: Descriptor,
    /// The document.
    pub raw: RawManifest,
}

impl ImageManifest {
    /// As Docker's `manifest inspect --verbose` shows it and its manifest lists keep it: a JSON object with `Ref`,
    /// `Descriptor`, `Raw` and the manifest under the name of its kind, on one line.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestListError> {
        let spaceless = String::from_utf8_lossy(&without_spaces(self.raw.bytes())).into_owned();
        let manifest = RawValue::from_string(spaceless)?;
        let is_oci = self.raw.media_type().as_str() == MediaType::OCI_MANIFEST;
        let document = ImageManifestDocument {
            reference: self.reference.to_string(),
            descriptor: GoDescriptor::of(&self.descriptor),
            raw: BASE64_STANDARD.encode(self.raw.bytes()),
            schema2: (!is_oci).then_some(&manifest),
            oci: is_oci.then_some(&manifest),
        };
        Ok(compact(&document)?)
    }
}

#[derive(Serialize)]
struct ImageManifestDocument<'a> {
    #[serde(rename = "Ref")]
    reference: String,
    #[serde(rename = "Descriptor")]
    descriptor: GoDescriptor,
    #[serde(rename = "Raw")]
    raw: String,
    #[serde(rename = "SchemaV2Manifest", skip_serializing_if = "Option::is_none")]
    schema2: Option<&'a RawValue>,
    #[serde(rename = "OCIManifest", skip_serializing_if = "Option::is_none")]
    oci: Option<&'a RawValue>,
}

impl Engine {
    /// The manifest or index that `reference` points to, as it is.
    pub async fn registry_document(
        &self,
        reference: &Reference,
        insecure: bool,
    ) -> Result<RawManifest, EngineError> {
        let client = self.reader(reference, insecure)?;
        fetch(&client, reference).await
    }

    /// What `reference` points to in its registry. With `insecure`, the registry is spoken to as to one of the
    /// configured insecure registries.
    ///
    /// # Errors
    /// [`ManifestListError::NoSuchManifest`] if the registry does not have it or will not say.
    pub async fn registry_manifest(
        &self,
        reference: &Reference,
        insecure: bool,
    ) -> Result<RegistryManifest, EngineError> {
        let client = self.reader(reference, insecure)?;
        let raw = fetch(&client, reference).await?;
        match raw.parse().map_err(classify)? {
            ParsedManifest::Index(index) => Ok(RegistryManifest::List { raw, index }),
            ParsedManifest::Manifest(manifest) => {
                let platform = platform(&client, &manifest).await?;
                let image = image_manifest(reference.clone(), raw, Some(platform));
                Ok(RegistryManifest::Image(Box::new(image)))
            }
        }
    }

    /// The manifests of an index that [`Engine::registry_manifest`] has read under the name `reference`. Their
    /// platforms are those of the index.
    pub async fn registry_members(
        &self,
        reference: &Reference,
        index: &Index,
        insecure: bool,
    ) -> Result<Vec<ImageManifest>, EngineError> {
        let client = self.reader(reference, insecure)?;
        let read = |entry: Descriptor| {
            let (client, name) = (&client, reference.clone().pinned(entry.digest));
            async move {
                let raw = fetch(client, &name).await?;
                match raw.parse().map_err(classify)? {
                    ParsedManifest::Manifest(_) => Ok(image_manifest(name, raw, entry.platform)),
                    ParsedManifest::Index(_) => {
                        Err(classify(ManifestListError::IsList(Box::new(name))))
                    }
                }
            }
        };
        stream::iter(index.manifests.clone())
            .map(read)
            .buffered(READERS)
            .try_collect()
            .await
    }

    /// The manifest of the one image that `reference` points to.
    pub(super) async fn image_manifest(
        &self,
        reference: &Reference,
        insecure: bool,
    ) -> Result<ImageManifest, EngineError> {
        match self.registry_manifest(reference, insecure).await? {
            RegistryManifest::Image(image) => Ok(*image),
            RegistryManifest::List { .. } => Err(classify(ManifestListError::IsList(Box::new(
                reference.clone(),
            )))),
        }
    }

    fn reader(
        &self,
        reference: &Reference,
        insecure: bool,
    ) -> Result<RepositoryClient, EngineError> {
        let repository = reference.repository();
        self.client_for(repository.domain(), insecure)?
            .repository(repository)
            .map_err(classify)
    }
}

/// The document that `reference` points to.
pub(super) async fn fetch(
    client: &RepositoryClient,
    reference: &Reference,
) -> Result<RawManifest, EngineError> {
    let fetched = client.get_manifest(&TagOrDigest::of(reference)).await;
    fetched.map_err(|error| match error {
        error if error.is_not_found() => {
            tracing::debug!(%error, "no such manifest");
            classify(ManifestListError::NoSuchManifest(Box::new(
                reference.clone(),
            )))
        }
        error => classify::<ManifestFetchError>(error),
    })
}

/// What the image's config says that it runs on; the words are taken as they are.
pub(super) async fn platform(
    client: &RepositoryClient,
    manifest: &Manifest,
) -> Result<Platform, EngineError> {
    let limit = MANIFEST_LIMIT_BYTES as u64;
    let config = client.read_blob(&manifest.config, limit).await;
    let config = config.map_err(classify)?;
    serde_json::from_slice(&config).map_err(|error| classify(ManifestListError::Document(error)))
}

fn image_manifest(
    reference: Reference,
    raw: RawManifest,
    platform: Option<Platform>,
) -> ImageManifest {
    let descriptor = Descriptor {
        platform,
        ..raw.descriptor()
    };
    ImageManifest {
        reference,
        descriptor,
        raw,
    }
}
