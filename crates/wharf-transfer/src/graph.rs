//! What an image consists of, read off its documents.

use wharf_oci::{
    Descriptor, DiffId, ImageConfig, ImageConfigError, Index, Manifest, ManifestError,
    MediaTypeKind, ParsedManifest, Platform, RawManifest,
};

/// Most layers that one image may have. Docker's own limit is 127; images of other tools go higher.
const LAYER_LIMIT: usize = 4096;

/// One image: its manifest, its config and its layers from the base up.
#[derive(Debug, Clone)]
pub struct ImageParts {
    /// The manifest as received.
    pub manifest: RawManifest,
    /// What the manifest says of the config.
    pub config: Descriptor,
    /// The config's bytes.
    pub config_bytes: Vec<u8>,
    /// The config, where this is an image and not another kind of artifact.
    pub image: Option<ImageConfig>,
    /// The layers from the base up.
    pub layers: Vec<LayerPart>,
}

/// One layer: its blob, and the digest of its tar where this is an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPart {
    /// The blob.
    pub descriptor: Descriptor,
    /// The digest of the tar in it.
    pub diff_id: Option<DiffId>,
}

/// All of what a name points to: images, and the index over them if there is one.
#[derive(Debug, Clone)]
pub struct ImageGraph {
    /// What the name points to.
    pub root: RawManifest,
    /// The images to copy.
    pub images: Vec<ImageParts>,
}

/// Why documents do not make up an image.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The manifest is not usable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The config is not usable.
    #[error(transparent)]
    Config(#[from] ImageConfigError),
    /// Manifest and config disagree about the number of layers.
    #[error(
        "the image's manifest has {manifest} layers and its config {config}: the image is broken, ask its author to push it again"
    )]
    LayerCount {
        /// Layers in the manifest.
        manifest: usize,
        /// Diff IDs in the config.
        config: usize,
    },
    /// More layers than are taken.
    #[error("the image has {0} layers, more than the limit of {LAYER_LIMIT}")]
    TooManyLayers(usize),
    /// No image of an index fits. The text is Docker's.
    #[error("no matching manifest for {0} in the manifest list entries")]
    NoMatchingPlatform(Platform),
}

impl ImageParts {
    /// Puts the parts of one image together and checks that they agree.
    pub fn new(
        raw: RawManifest,
        manifest: Manifest,
        config_bytes: Vec<u8>,
    ) -> Result<Self, GraphError> {
        if manifest.layers.len() > LAYER_LIMIT {
            return Err(GraphError::TooManyLayers(manifest.layers.len()));
        }
        let image = match manifest.config.media_type.kind() {
            MediaTypeKind::Config => Some(ImageConfig::parse(config_bytes.clone())?),
            _ => None,
        };
        let diff_ids = image.as_ref().map(ImageConfig::diff_ids);
        if let Some(diff_ids) = diff_ids
            && diff_ids.len() != manifest.layers.len()
        {
            let (manifest, config) = (manifest.layers.len(), diff_ids.len());
            return Err(GraphError::LayerCount { manifest, config });
        }
        let diff_id = |position: usize| diff_ids?.get(position).copied();
        let part = |(position, descriptor)| LayerPart {
            descriptor,
            diff_id: diff_id(position),
        };
        let layers = manifest.layers.into_iter().enumerate().map(part).collect();
        Ok(Self {
            manifest: raw,
            config: manifest.config,
            config_bytes,
            image,
            layers,
        })
    }
}

impl ImageGraph {
    /// What the root document says, if it is an index.
    pub fn index(&self) -> Result<Option<Index>, GraphError> {
        match self.root.parse()? {
            ParsedManifest::Index(index) => Ok(Some(*index)),
            ParsedManifest::Manifest(_) => Ok(None),
        }
    }
}

impl LayerPart {
    /// Whether the blob must be fetched from elsewhere and may not be pushed (Windows base layers).
    pub fn is_foreign(&self) -> bool {
        self.descriptor.media_type.kind() == MediaTypeKind::ForeignLayer
    }
}
