//! The layout of `docker save`: `manifest.json` names configs, layers and tags.
//!
//! Written by every Docker since 1.10, with layers at `<id>/layer.tar` up to 24 and under
//! `blobs/sha256/` since 25; podman and skopeo write `<digest>.tar`.

use serde::{Deserialize, Serialize};
use wharf_oci::{ImageConfig, MANIFEST_LIMIT_BYTES, Reference};

use super::contents::{
    ArchiveError, ArchiveFiles, ArchiveImage, ArchiveLayer, LISTING_LIMIT_BYTES, parse_json,
    parse_name, read_document,
};

const LISTING_FILE: &str = "manifest.json";

/// One entry of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DockerArchiveEntry {
    /// Where the config is.
    pub config: String,
    /// Familiar names with tags.
    #[serde(default)]
    pub repo_tags: Option<Vec<String>>,
    /// Where the layers are, from the base up.
    #[serde(default)]
    pub layers: Vec<String>,
}

impl DockerArchiveEntry {
    pub(super) fn names(&self) -> Result<Vec<Reference>, ArchiveError> {
        self.repo_tags
            .iter()
            .flatten()
            .map(|text| parse_name(text))
            .collect()
    }
}

/// Reads `manifest.json`, if there is one.
pub(super) fn read_listing(
    files: &dyn ArchiveFiles,
) -> Result<Option<Vec<DockerArchiveEntry>>, ArchiveError> {
    if files.size(LISTING_FILE).is_none() {
        return Ok(None);
    }
    let bytes = read_document(files, LISTING_FILE, LISTING_LIMIT_BYTES)?;
    parse_json(LISTING_FILE, &bytes).map(Some)
}

pub(super) fn read_images(
    files: &dyn ArchiveFiles,
    entries: &[DockerArchiveEntry],
) -> Result<Vec<ArchiveImage>, ArchiveError> {
    entries
        .iter()
        .map(|entry| read_image(files, entry))
        .collect()
}

fn read_image(
    files: &dyn ArchiveFiles,
    entry: &DockerArchiveEntry,
) -> Result<ArchiveImage, ArchiveError> {
    let config_path = clean(&entry.config);
    let layers: Vec<ArchiveLayer> = entry
        .layers
        .iter()
        .map(|path| ArchiveLayer { path: clean(path) })
        .collect();
    let named = std::iter::once(&config_path).chain(layers.iter().map(|layer| &layer.path));
    for path in named {
        if files.size(path).is_none() {
            return Err(ArchiveError::Missing {
                listing: LISTING_FILE,
                path: path.clone(),
            });
        }
    }
    let config = read_document(files, &config_path, MANIFEST_LIMIT_BYTES as u64)?;
    let expected = ImageConfig::parse(config.clone())?.diff_ids().len();
    if expected != layers.len() {
        return Err(ArchiveError::LayerCount {
            expected,
            actual: layers.len(),
        });
    }
    Ok(ArchiveImage {
        names: entry.names()?,
        config,
        layers,
        manifest: None,
    })
}

fn clean(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}
