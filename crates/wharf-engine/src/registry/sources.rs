//! What `imagetools create` is told to put into the new index.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;
use wharf_oci::{Descriptor, Digest, DigestError, Platform, Reference, ReferenceError, Repository};

/// Something in a registry, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ComposeSource {
    /// By its name.
    Name(Reference),
    /// By a digest, in the one repository that is spoken of.
    Digest(Digest),
    /// By a descriptor, which adds to what is known.
    Descriptor(Box<SourceDescriptor>),
}

/// A descriptor of which nothing must be there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct SourceDescriptor {
    /// Its digest.
    pub digest: Option<Digest>,
    /// Its length in bytes.
    pub size: Option<u64>,
    /// What it runs on.
    pub platform: Option<Platform>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
}

/// Why a text names nothing in a registry.
#[derive(Debug, thiserror::Error)]
pub enum ComposeSourceError {
    /// Begins as a digest.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// Not a name.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// Begins as JSON.
    #[error("invalid source descriptor")]
    Descriptor(#[from] serde_json::Error),
    /// A descriptor that contradicts the registry.
    #[error("invalid size mismatch for {digest}, {said} != {actual}")]
    Size {
        /// Of what.
        digest: Digest,
        /// In the descriptor.
        said: u64,
        /// In the registry.
        actual: u64,
    },
    /// Nothing says where to look.
    #[error("no repositories specified, please set a reference in tag or source")]
    NoRepository,
    /// Several places to look.
    #[error("multiple repositories specified, cannot infer repository for {0:?}")]
    ManyRepositories(String),
    /// Nothing to make an index of.
    #[error("no sources specified")]
    NoSources,
}

impl FromStr for ComposeSource {
    type Err = ComposeSourceError;

    fn from_str(text: &str) -> Result<Self, ComposeSourceError> {
        match text.parse::<Digest>() {
            Ok(digest) => return Ok(Self::Digest(digest)),
            Err(error) if text.starts_with("sha256") => return Err(error.into()),
            Err(_) => {}
        }
        if text.trim_start().starts_with('{') {
            return Ok(Self::Descriptor(Box::new(serde_json::from_str(text)?)));
        }
        Ok(Self::Name(text.parse::<Reference>()?.or_latest()))
    }
}

impl ComposeSource {
    /// The repository it names, if it names one.
    pub(super) fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Name(reference) => Some(reference.repository()),
            Self::Digest(_) | Self::Descriptor(_) => None,
        }
    }
}

impl std::fmt::Display for ComposeSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(reference) => f.write_str(&reference.familiar()),
            Self::Digest(digest) => digest.fmt(f),
            Self::Descriptor(descriptor) => match &descriptor.digest {
                Some(digest) => digest.fmt(f),
                None => f.write_str("descriptor without digest"),
            },
        }
    }
}

impl SourceDescriptor {
    /// Adds what this says to what the registry says.
    pub(super) fn add_to(&self, known: &mut Descriptor) -> Result<(), ComposeSourceError> {
        if let Some(said) = self.size
            && said != known.size
        {
            return Err(ComposeSourceError::Size {
                digest: known.digest,
                said,
                actual: known.size,
            });
        }
        if self.platform.is_some() {
            known.platform.clone_from(&self.platform);
        }
        if !self.annotations.is_empty() {
            // As buildx does: what is not said again is taken off.
            known.annotations = Some(self.annotations.clone());
        }
        Ok(())
    }
}
