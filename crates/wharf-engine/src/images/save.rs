//! `save`: images as an archive that every loader reads.
//!
//! The archive is an OCI layout and a `docker save` archive at once, and blobs go into it as they are stored:
//! nothing is compressed or hashed again, and every digest survives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;

use serde_json::{Value, json};
use wharf_images::{ImageRecord, ImageStore, NameRecord, ResolveError};
use wharf_layers::{Entry, TarWriter, Timestamp};
use wharf_oci::{
    Descriptor, Digest, ImageQuery, Manifest, ManifestDigest, MediaType, ParsedManifest, Platform,
    PlatformMatcher, RawManifest, Reference,
};
use wharf_transfer::{BLOBS_FOLDER, ErrorKind, OCI_LAYOUT_DOCUMENT, blob_path};

use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure, wrong_platform};

/// What to save.
#[derive(Debug, Clone)]
pub struct SaveRequest {
    /// Names or IDs. A repository without a tag means all of its tags.
    pub images: Vec<String>,
    /// Only if the image is for this platform.
    pub platform: Option<Platform>,
}

/// The archive did not come to its end: its target takes no more, or a blob cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the archive")]
struct SaveError {
    source: io::Error,
}

impl Classified for SaveError {
    fn kind(&self) -> ErrorKind {
        Classified::kind(&self.source)
    }
}

/// One manifest of the archive with the names it gets there. An image may have several, with other forms of its layers,
/// each under names of its own.
struct Saved {
    image: ImageRecord,
    manifest: ManifestDigest,
    names: Vec<NameRecord>,
}

impl Engine {
    /// Writes the archive into `target`.
    pub fn save(&self, request: &SaveRequest, target: File) -> Result<(), EngineError> {
        let store = self.store_for_reading()?;
        let saved = select(store, request)?;
        let mut contents = Contents::default();
        for one in &saved {
            contents.add(store, one)?;
        }
        contents.write(store, target)
    }
}

fn select(store: &ImageStore, request: &SaveRequest) -> Result<Vec<Saved>, EngineError> {
    let mut saved: Vec<Saved> = Vec::new();
    for text in &request.images {
        for (image, name) in meant(store, text)? {
            let manifest = name.as_ref().map_or(image.manifest, |name| name.manifest);
            let position = saved.iter().position(|known| known.manifest == manifest);
            let position = position.unwrap_or_else(|| {
                saved.push(Saved {
                    image,
                    manifest,
                    names: Vec::new(),
                });
                saved.len() - 1
            });
            if let Some(one) = saved.get_mut(position) {
                one.names
                    .extend(name.filter(|name| !one.names.contains(name)));
            }
        }
    }
    if let Some(platform) = &request.platform {
        let matcher = PlatformMatcher::only_strict(platform);
        for one in &saved {
            if matcher.rank(&one.image.platform).is_none() {
                let name = one.names.first().map(|name| name.name.familiar());
                let name = name.unwrap_or_else(|| one.image.id.short());
                return Err(wrong_platform(&name, &one.image.platform, platform));
            }
        }
    }
    Ok(saved)
}

/// The images that `text` means, each with the tag that it means of them.
fn meant(
    store: &ImageStore,
    text: &str,
) -> Result<Vec<(ImageRecord, Option<NameRecord>)>, EngineError> {
    if let Ok(reference) = text.parse::<Reference>()
        && reference.is_name_only()
    {
        let mut names = store.names_in(reference.repository()).map_err(classify)?;
        names.retain(|name| name.name.tag().is_some());
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            let query = ImageQuery::Digest(*name.image.digest());
            found.push((store.resolve(&query).map_err(classify)?.image, Some(name)));
        }
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let query = ImageQuery::parse(text).map_err(classify)?;
    let resolved = store.resolve(&query).map_err(|error| match error {
        // A name alone stood for all its tags, not for `latest`.
        ResolveError::NotFound { .. } => {
            failure(ErrorKind::NotFound, format!("No such image: {text}"))
        }
        error => classify(error),
    })?;
    let name = match resolved.by {
        wharf_images::ResolvedBy::Name(name) if name.name.tag().is_some() => Some(*name),
        _ => None,
    };
    Ok(vec![(resolved.image, name)])
}

/// What goes into the archive.
#[derive(Default)]
struct Contents {
    blobs: BTreeMap<Digest, u64>,
    index: Vec<Value>,
    listing: Vec<Value>,
}

impl Contents {
    fn add(&mut self, store: &ImageStore, saved: &Saved) -> Result<(), EngineError> {
        let image = &saved.image;
        let (raw, manifest) = self.add_manifest(store, image, saved.manifest)?;
        if saved.names.is_empty() {
            let descriptor = Descriptor {
                platform: Some(image.platform.clone()),
                ..raw.descriptor()
            };
            self.index.push(json!(descriptor));
        }
        for name in &saved.names {
            self.add_name(store, name, &raw)?;
        }
        let tags: Vec<String> = saved
            .names
            .iter()
            .map(|name| name.name.familiar())
            .collect();
        let sources: BTreeMap<String, &Descriptor> = image
            .layers
            .iter()
            .zip(&manifest.layers)
            .map(|(layer, descriptor)| (layer.diff_id.to_string(), descriptor))
            .collect();
        self.listing.push(json!({
            "Config": blob_path(&manifest.config.digest),
            "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
            "Layers": manifest.layers.iter().map(|l| blob_path(&l.digest)).collect::<Vec<_>>(),
            "LayerSources": sources,
        }));
        Ok(())
    }

    /// A manifest with all that it points to.
    fn add_manifest(
        &mut self,
        store: &ImageStore,
        image: &ImageRecord,
        digest: ManifestDigest,
    ) -> Result<(RawManifest, Manifest), EngineError> {
        let digest = digest.digest();
        let bytes = store.blobs().read_document(digest).map_err(classify)?;
        let raw = RawManifest::new(bytes, None, digest.algorithm()).map_err(classify)?;
        let ParsedManifest::Manifest(manifest) = raw.parse().map_err(classify)? else {
            let text = format!("image {} is recorded with an index", image.id);
            return Err(failure(ErrorKind::Corrupt, text));
        };
        self.add_blob(store, digest)?;
        for part in manifest.layers.iter().chain([&manifest.config]) {
            self.add_blob(store, &part.digest)?;
        }
        Ok((raw, *manifest))
    }

    /// An entry of `index.json`: what the name points to, an index included, so that its digest survives.
    fn add_name(
        &mut self,
        store: &ImageStore,
        name: &NameRecord,
        manifest: &RawManifest,
    ) -> Result<(), EngineError> {
        let mut target = name.target.clone();
        if store
            .blobs()
            .contains(&target.digest)
            .map_err(classify)?
            .is_some()
        {
            self.add_blob(store, &target.digest)?;
        } else {
            target = manifest.descriptor();
        }
        let tag = name.name.tag().map(ToString::to_string).unwrap_or_default();
        target.annotations = Some(BTreeMap::from([
            ("io.containerd.image.name".to_owned(), name.name.to_string()),
            ("org.opencontainers.image.ref.name".to_owned(), tag),
        ]));
        self.index.push(json!(target));
        Ok(())
    }

    fn add_blob(&mut self, store: &ImageStore, digest: &Digest) -> Result<(), EngineError> {
        let size = store.blobs().contains(digest).map_err(classify)?;
        let missing = || wharf_blobs::BlobError::NotFound(*digest);
        self.blobs
            .insert(*digest, size.ok_or_else(missing).map_err(classify)?);
        Ok(())
    }

    fn write(self, store: &ImageStore, target: File) -> Result<(), EngineError> {
        let mut tar = TarWriter::new(target);
        self.write_all(store, &mut tar)?;
        tar.finish().map(drop).map_err(not_written)
    }

    fn write_all(&self, store: &ImageStore, tar: &mut TarWriter<File>) -> Result<(), EngineError> {
        let folder = |name: String| Entry::directory(&name, 0o755, Timestamp::default());
        let algorithms: BTreeSet<&str> = self
            .blobs
            .keys()
            .map(|digest| digest.algorithm().name())
            .collect();
        tar.append_bytes(&folder(format!("{BLOBS_FOLDER}/")), &[])
            .map_err(not_written)?;
        for algorithm in algorithms {
            let name = format!("{BLOBS_FOLDER}/{algorithm}/");
            tar.append_bytes(&folder(name), &[]).map_err(not_written)?;
        }
        for (digest, size) in &self.blobs {
            let mut entry = file(&blob_path(digest));
            entry.size_bytes = *size;
            let blob = store.blobs().open_blob(digest).map_err(classify)?;
            tar.append(&entry, blob).map_err(not_written)?;
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": self.index,
        });
        for (name, document) in [
            ("index.json", index.to_string()),
            (
                "manifest.json",
                Value::Array(self.listing.clone()).to_string(),
            ),
            ("oci-layout", OCI_LAYOUT_DOCUMENT.to_owned()),
        ] {
            append_document(tar, name, &document).map_err(not_written)?;
        }
        Ok(())
    }
}

fn not_written(source: io::Error) -> EngineError {
    classify(SaveError { source })
}

fn append_document(tar: &mut TarWriter<File>, name: &str, document: &str) -> io::Result<()> {
    tar.append_bytes(&file(name), document.as_bytes())
}

fn file(name: &str) -> Entry {
    Entry::file(name, 0o644, Timestamp::default())
}
