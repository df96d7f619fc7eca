//! Media types of Docker's image format (schema 2) and of OCI's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A media type as received. Comparing ignores nothing; ask [`MediaType::kind`] what it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct MediaType(String);

/// What a media type says about a document or blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MediaTypeKind {
    /// An image manifest, Docker's or OCI's.
    Manifest,
    /// An image index or manifest list.
    Index,
    /// A Docker schema 1 manifest, which is refused.
    Schema1,
    /// An image config.
    Config,
    /// A file system layer: tar, plain or compressed.
    Layer,
    /// A layer that may not be distributed (foreign layers of Windows images).
    ForeignLayer,
    /// Anything else: artifacts, signatures, charts.
    Other,
}

impl MediaType {
    /// `application/vnd.docker.distribution.manifest.v2+json`
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// `application/vnd.docker.distribution.manifest.list.v2+json`
    pub const DOCKER_MANIFEST_LIST: &str =
        "application/vnd.docker.distribution.manifest.list.v2+json";
    /// `application/vnd.docker.container.image.v1+json`
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// `application/vnd.docker.image.rootfs.diff.tar`
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// `application/vnd.docker.image.rootfs.diff.tar.gzip`
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// `application/vnd.oci.image.manifest.v1+json`
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// `application/vnd.oci.image.index.v1+json`
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// `application/vnd.oci.image.config.v1+json`
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// `application/vnd.oci.image.layer.v1.tar`
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// `application/vnd.oci.image.layer.v1.tar+gzip`
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// `application/vnd.oci.image.layer.v1.tar+zstd`
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// `application/vnd.oci.empty.v1+json`: the config of an artifact that has none.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";

    /// What a client says it accepts when it asks for a manifest: every type that Wharf reads.
    pub const ACCEPTED_MANIFESTS: [&str; 4] = [
        Self::OCI_INDEX,
        Self::OCI_MANIFEST,
        Self::DOCKER_MANIFEST_LIST,
        Self::DOCKER_MANIFEST,
    ];

    /// The media type called `text`; parameters (`; charset=utf-8`) are taken off.
    pub fn new(text: &str) -> Self {
        let essence = text.split(';').next().unwrap_or_default();
        Self(essence.trim().to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it means to Wharf.
    pub fn kind(&self) -> MediaTypeKind {
        match self.0.as_str() {
            Self::DOCKER_MANIFEST | Self::OCI_MANIFEST => MediaTypeKind::Manifest,
            Self::DOCKER_MANIFEST_LIST | Self::OCI_INDEX => MediaTypeKind::Index,
            Self::DOCKER_CONFIG | Self::OCI_CONFIG => MediaTypeKind::Config,
            "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws" => MediaTypeKind::Schema1,
            text => layer_kind(text),
        }
    }
}

fn layer_kind(text: &str) -> MediaTypeKind {
    let starts = |prefix: &str| text.starts_with(prefix);
    if starts("application/vnd.docker.image.rootfs.foreign.diff.tar")
        || starts("application/vnd.oci.image.layer.nondistributable.v1.tar")
    {
        MediaTypeKind::ForeignLayer
    } else if starts(MediaType::DOCKER_LAYER) || starts(MediaType::OCI_LAYER) {
        MediaTypeKind::Layer
    } else {
        MediaTypeKind::Other
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for MediaType {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (text, kind) in [
            (MediaType::OCI_MANIFEST, MediaTypeKind::Manifest),
            (MediaType::DOCKER_MANIFEST, MediaTypeKind::Manifest),
            (MediaType::OCI_INDEX, MediaTypeKind::Index),
            (MediaType::DOCKER_MANIFEST_LIST, MediaTypeKind::Index),
            (MediaType::OCI_CONFIG, MediaTypeKind::Config),
            (
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                MediaTypeKind::Schema1,
            ),
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                MediaTypeKind::Layer,
            ),
            (
                "application/vnd.docker.image.rootfs.diff.tar.zstd",
                MediaTypeKind::Layer,
            ),
            (
                "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                MediaTypeKind::ForeignLayer,
            ),
            (
                "application/vnd.cncf.helm.config.v1+json",
                MediaTypeKind::Other,
            ),
            ("text/html; charset=utf-8", MediaTypeKind::Other),
        ] {
            assert_eq!(MediaType::new(text).kind(), kind, "{text}");
        }
        assert_eq!(MediaType::new("a/b; charset=utf-8").as_str(), "a/b");
    }
}
