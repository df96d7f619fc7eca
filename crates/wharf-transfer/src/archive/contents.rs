//! What an archive or folder holds, whichever of the known layouts it has.

use std::io::{self, Read};

use wharf_oci::{
    DigestError, ImageConfigError, ManifestError, Platform, RawManifest, Reference, ReferenceError,
};

use crate::archive::{docker_archive, oci_layout};
use crate::graph::GraphError;

/// Longest `manifest.json`, `index.json` or `repositories` that is read.
pub(super) const LISTING_LIMIT_BYTES: u64 = 32 << 20;

/// The files of an archive or folder. Paths are relative, without `./`; links have been followed.
pub trait ArchiveFiles {
    /// The length of the file at `path` in bytes, if there is one.
    fn size(&self, path: &str) -> Option<u64>;

    /// Opens the file at `path`.
    fn open(&self, path: &str) -> io::Result<Box<dyn Read + Send + '_>>;
}

/// One image of an archive.
#[derive(Debug, Clone)]
pub struct ArchiveImage {
    /// Its names, in the archive's order.
    pub names: Vec<Reference>,
    /// The config's bytes.
    pub config: Vec<u8>,
    /// The layers from the base up.
    pub layers: Vec<ArchiveLayer>,
    /// Its manifest, where the archive has one.
    pub manifest: Option<ArchiveManifest>,
}

/// A manifest in an archive, and the index it was chosen from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveManifest {
    /// The manifest as it stands there.
    pub manifest: RawManifest,
    /// The index over it that carries the name.
    pub index: Option<RawManifest>,
}

/// One layer of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveLayer {
    /// Where its bytes are.
    pub path: String,
}

/// Why an archive cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// None of the listings is there.
    #[error(
        "no image found: neither manifest.json nor index.json is there; the file is not an image archive (for the tar of a file system use `import`)"
    )]
    NotAnArchive,
    /// A listing names a file that is not there.
    #[error("archive is incomplete: {listing} names {path}, which is not there")]
    Missing {
        /// The document that names it.
        listing: &'static str,
        /// The file.
        path: String,
    },
    /// A listing or document is longer than any should be.
    #[error("{path} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// A listing is not what it should be.
    #[error("{path} is not valid: {source}")]
    Json {
        /// The file.
        path: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// A layout version that this program does not know.
    #[error("OCI layout version {0:?} is not supported, only 1.x is")]
    LayoutVersion(String),
    /// A digest is not one.
    #[error("{path}: {source}")]
    Digest {
        /// The document with it.
        path: &'static str,
        /// The cause.
        source: DigestError,
    },
    /// A document's bytes are not those of its digest.
    #[error("archive is damaged: {path} does not have the digest in its name")]
    WrongDigest {
        /// The file.
        path: String,
    },
    /// A name is not one.
    #[error("invalid tag {text:?}: {source}")]
    Name {
        /// The name.
        text: String,
        /// The cause.
        source: ReferenceError,
    },
    /// The number of layers differs. The text is Docker's.
    #[error("invalid manifest, layers length mismatch: expected {expected}, got {actual}")]
    LayerCount {
        /// By the config.
        expected: usize,
        /// By the listing.
        actual: usize,
    },
    /// An index has no image for the platform.
    #[error("no image for platform {0} in the archive")]
    NoMatchingPlatform(Platform),
    /// A manifest is not usable.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A config is not usable.
    #[error(transparent)]
    Config(#[from] ImageConfigError),
    /// Manifest and config do not fit.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The archive could not be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file in it.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

/// Reads the listings. Of an index over several platforms, the image that fits `platform` best counts.
///
/// OCI layouts are preferred, since they carry manifests and so keep every digest; names that only
/// `manifest.json` knows are taken from there.
pub fn read_contents(
    files: &dyn ArchiveFiles,
    platform: &Platform,
) -> Result<Vec<ArchiveImage>, ArchiveError> {
    let listed = docker_archive::read_listing(files)?;
    if files.size(oci_layout::LAYOUT_FILE).is_some() && files.size(oci_layout::INDEX_FILE).is_some()
    {
        return oci_layout::read_images(files, platform, listed.as_deref());
    }
    match listed {
        Some(entries) => docker_archive::read_images(files, &entries),
        None => Err(ArchiveError::NotAnArchive),
    }
}

/// Reads a whole document, at most `limit` bytes.
pub(super) fn read_document(
    files: &dyn ArchiveFiles,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let failed = |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    files
        .open(path)
        .map_err(failed)?
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(ArchiveError::TooLarge {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

pub(super) fn parse_json<T: serde::de::DeserializeOwned>(
    path: &str,
    bytes: &[u8],
) -> Result<T, ArchiveError> {
    serde_json::from_slice(bytes).map_err(|source| ArchiveError::Json {
        path: path.to_owned(),
        source,
    })
}

pub(super) fn parse_name(text: &str) -> Result<Reference, ArchiveError> {
    text.parse::<Reference>()
        .map(Reference::or_latest)
        .map_err(|source| ArchiveError::Name {
            text: text.to_owned(),
            source,
        })
}
