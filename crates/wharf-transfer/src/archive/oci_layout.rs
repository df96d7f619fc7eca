//! OCI image layouts (OCI image specification, "Image Layout"), in a tar or in a folder.

use serde::Deserialize;
use wharf_oci::{
    Algorithm, Descriptor, Digest, ImageConfig, Index, MANIFEST_LIMIT_BYTES, Manifest,
    ParsedManifest, Platform, PlatformMatcher, RawManifest, Reference,
};

use super::contents::{
    ArchiveError, ArchiveFiles, ArchiveImage, ArchiveLayer, ArchiveManifest, LISTING_LIMIT_BYTES,
    parse_json, parse_name, read_document,
};
use super::docker_archive::DockerArchiveEntry;
use crate::graph::GraphError;

pub(super) const LAYOUT_FILE: &str = "oci-layout";
pub(super) const INDEX_FILE: &str = "index.json";

/// The folder of the blobs.
pub const BLOBS_FOLDER: &str = "blobs";
/// What stands in `oci-layout`.
pub const OCI_LAYOUT_DOCUMENT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

/// containerd and Docker write the whole name here.
const NAME_ANNOTATION: &str = "io.containerd.image.name";
/// The specification's annotation: a tag, or a whole name.
const REF_ANNOTATION: &str = "org.opencontainers.image.ref.name";
const INDEX_DEPTH_LIMIT: usize = 4;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

/// Where a blob is in a layout.
pub fn blob_path(digest: &Digest) -> String {
    format!(
        "{BLOBS_FOLDER}/{}/{}",
        digest.algorithm().name(),
        digest.hex()
    )
}

pub(super) fn read_images(
    files: &dyn ArchiveFiles,
    platform: &Platform,
    listed: Option<&[DockerArchiveEntry]>,
) -> Result<Vec<ArchiveImage>, ArchiveError> {
    let bytes = read_document(files, LAYOUT_FILE, LISTING_LIMIT_BYTES)?;
    let layout: Layout = parse_json(LAYOUT_FILE, &bytes)?;
    if !layout.image_layout_version.starts_with("1.") {
        return Err(ArchiveError::LayoutVersion(layout.image_layout_version));
    }
    let bytes = read_document(files, INDEX_FILE, LISTING_LIMIT_BYTES)?;
    let index: Index = parse_json(INDEX_FILE, &bytes)?;
    let mut images: Vec<ArchiveImage> = Vec::new();
    for entry in index
        .manifests
        .iter()
        .filter(|entry| !entry.is_attestation())
    {
        let mut image = read_image(files, entry, platform)?;
        image.names.extend(name_of(entry)?);
        // The same image under a second name is a second entry.
        match images
            .iter_mut()
            .find(|known| known.manifest == image.manifest)
        {
            Some(known) => known.names.append(&mut image.names),
            None => images.push(image),
        }
    }
    add_listed_names(&mut images, listed.unwrap_or_default())?;
    Ok(images)
}

fn read_image(
    files: &dyn ArchiveFiles,
    entry: &Descriptor,
    platform: &Platform,
) -> Result<ArchiveImage, ArchiveError> {
    let root = read_manifest(files, entry)?;
    let mut current = root.clone();
    for _ in 0..INDEX_DEPTH_LIMIT {
        match current.parse()? {
            ParsedManifest::Manifest(manifest) => {
                let index = (current.digest() != root.digest()).then_some(root);
                return with_parts(files, current, index, &manifest);
            }
            ParsedManifest::Index(index) => {
                let best = choose_present(files, &index, platform);
                let child =
                    best.ok_or_else(|| ArchiveError::NoMatchingPlatform(platform.clone()))?;
                current = read_manifest(files, &child)?;
            }
        }
    }
    Err(ArchiveError::NoMatchingPlatform(platform.clone()))
}

// An archive may hold only some of the platforms that its index lists.
fn choose_present(
    files: &dyn ArchiveFiles,
    index: &Index,
    platform: &Platform,
) -> Option<Descriptor> {
    let mut present = index.clone();
    present
        .manifests
        .retain(|child| files.size(&blob_path(&child.digest)).is_some());
    present.choose(&PlatformMatcher::only(platform)).cloned()
}

fn with_parts(
    files: &dyn ArchiveFiles,
    raw: RawManifest,
    index: Option<RawManifest>,
    manifest: &Manifest,
) -> Result<ArchiveImage, ArchiveError> {
    let config = read_blob(files, &manifest.config.digest)?;
    let (expected, actual) = (
        ImageConfig::parse(config.clone())?.diff_ids().len(),
        manifest.layers.len(),
    );
    if expected != actual {
        return Err(GraphError::LayerCount {
            manifest: actual,
            config: expected,
        }
        .into());
    }
    let mut layers = Vec::with_capacity(actual);
    for layer in &manifest.layers {
        let path = blob_path(&layer.digest);
        if files.size(&path).is_none() {
            return Err(ArchiveError::Missing {
                listing: INDEX_FILE,
                path,
            });
        }
        layers.push(ArchiveLayer { path });
    }
    let manifest = Some(ArchiveManifest {
        manifest: raw,
        index,
    });
    Ok(ArchiveImage {
        names: Vec::new(),
        config,
        layers,
        manifest,
    })
}

fn read_manifest(
    files: &dyn ArchiveFiles,
    descriptor: &Descriptor,
) -> Result<RawManifest, ArchiveError> {
    let bytes = read_blob(files, &descriptor.digest)?;
    let algorithm: Algorithm = descriptor.digest.algorithm();
    Ok(RawManifest::new(
        bytes,
        Some(&descriptor.media_type),
        algorithm,
    )?)
}

fn read_blob(files: &dyn ArchiveFiles, digest: &Digest) -> Result<Vec<u8>, ArchiveError> {
    let path = blob_path(digest);
    if files.size(&path).is_none() {
        return Err(ArchiveError::Missing {
            listing: INDEX_FILE,
            path,
        });
    }
    let bytes = read_document(files, &path, MANIFEST_LIMIT_BYTES as u64)?;
    if digest.matches(&bytes) {
        Ok(bytes)
    } else {
        Err(ArchiveError::WrongDigest { path })
    }
}

fn name_of(entry: &Descriptor) -> Result<Option<Reference>, ArchiveError> {
    if let Some(name) = entry.annotation(NAME_ANNOTATION) {
        return parse_name(name).map(Some);
    }
    // A bare tag names nothing without a repository: the image is loaded without a name.
    match entry.annotation(REF_ANNOTATION) {
        Some(name) if name.contains([':', '/']) => parse_name(name).map(Some),
        _ => Ok(None),
    }
}

/// Names that only `manifest.json` knows: it says of which config, not of which manifest they are.
fn add_listed_names(
    images: &mut [ArchiveImage],
    listed: &[DockerArchiveEntry],
) -> Result<(), ArchiveError> {
    for entry in listed {
        for name in entry.names()? {
            if images.iter().any(|image| image.names.contains(&name)) {
                continue;
            }
            let is_meant =
                |image: &&mut ArchiveImage| entry.config.contains(&Digest::of(&image.config).hex());
            if let Some(image) = images.iter_mut().find(is_meant) {
                image.names.push(name);
            }
        }
    }
    Ok(())
}
