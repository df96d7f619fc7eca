//! A built image as an OCI layout: an archive or a folder, with all its platforms and attestations; of Docker's form, too, where it
//! has one platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use wharf_images::ImageStore;
use wharf_layers::{Entry, TarWriter, Timestamp};
use wharf_oci::{Digest, MediaType, ParsedManifest, RawManifest, Reference};
use wharf_transfer::{BLOBS_FOLDER, OCI_LAYOUT_DOCUMENT, blob_path};

use super::image_target::{AnnotationPlace, ImageShape};
use super::request::BuiltImage;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Where an archive goes.
#[derive(Debug)]
pub enum ArchiveTarget {
    /// A tar.
    Tar(File),
    /// An OCI layout in a folder, which is made if it is not there. A layout that is there gains the image.
    Folder(PathBuf),
}

impl Engine {
    /// Writes a built image. `for_docker` adds what `docker load` of old reads, if the image has one platform.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn archive_built(
        &self,
        image: &BuiltImage,
        for_docker: bool,
        target: ArchiveTarget,
    ) -> Result<(), EngineError> {
        let store = self.store()?;
        let mut contents = Contents::default();
        contents.add(store, &image.root)?;
        contents.index = entries(&image.names, &image.root, &image.shape);
        if for_docker && let [manifest] = image.manifests.as_slice() {
            contents.listing = Some(listing(manifest, &image.names)?);
        }
        match target {
            ArchiveTarget::Tar(file) => {
                let mut tar = TarWriter::new(file);
                contents.to_tar(store, &mut tar)?;
                tar.finish().map(drop).map_err(classify)
            }
            ArchiveTarget::Folder(folder) => contents.to_folder(store, &folder),
        }
    }
}

#[derive(Debug, Default)]
struct Contents {
    blobs: BTreeMap<Digest, u64>,
    index: Vec<Value>,
    /// `manifest.json`.
    listing: Option<Value>,
}

impl Contents {
    /// A document with all that it leads to.
    fn add(&mut self, store: &ImageStore, document: &RawManifest) -> Result<(), EngineError> {
        let size = document.bytes().len() as u64;
        self.blobs.insert(*document.digest().digest(), size);
        match document.parse().map_err(classify)? {
            ParsedManifest::Manifest(manifest) => {
                for part in manifest.layers.iter().chain([&manifest.config]) {
                    self.blobs.insert(part.digest, part.size);
                }
            }
            ParsedManifest::Index(index) => {
                for entry in &index.manifests {
                    let bytes = store.blobs().read_document(&entry.digest);
                    let bytes = bytes.map_err(classify)?;
                    let algorithm = entry.digest.algorithm();
                    let child = RawManifest::new(bytes, Some(&entry.media_type), algorithm);
                    self.add(store, &child.map_err(classify)?)?;
                }
            }
        }
        Ok(())
    }

    fn documents(&self, index: &[Value]) -> Vec<(&'static str, String)> {
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OCI_INDEX,
            "manifests": index,
        });
        let mut documents = vec![("index.json", index.to_string())];
        if let Some(listing) = &self.listing {
            documents.push(("manifest.json", listing.to_string()));
        }
        documents.push(("oci-layout", OCI_LAYOUT_DOCUMENT.to_owned()));
        documents
    }

    fn to_tar(&self, store: &ImageStore, tar: &mut TarWriter<File>) -> Result<(), EngineError> {
        let mut folders = BTreeSet::from([format!("{BLOBS_FOLDER}/")]);
        for digest in self.blobs.keys() {
            let algorithm = digest.algorithm().name();
            folders.insert(format!("{BLOBS_FOLDER}/{algorithm}/"));
        }
        for folder in &folders {
            let entry = Entry::directory(folder, 0o755, Timestamp::default());
            tar.append_bytes(&entry, &[]).map_err(classify)?;
        }
        for (digest, size) in &self.blobs {
            let mut entry = Entry::file(&blob_path(digest), 0o644, Timestamp::default());
            entry.size_bytes = *size;
            let blob = store.blobs().open_blob(digest).map_err(classify)?;
            tar.append(&entry, blob).map_err(classify)?;
        }
        for (name, document) in self.documents(&self.index) {
            let entry = Entry::file(name, 0o644, Timestamp::default());
            tar.append_bytes(&entry, document.as_bytes())
                .map_err(classify)?;
        }
        Ok(())
    }

    fn to_folder(&self, store: &ImageStore, folder: &Path) -> Result<(), EngineError> {
        for digest in self.blobs.keys() {
            let path = folder.join(blob_path(digest));
            if path.exists() {
                continue;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(classify)?;
            }
            let mut blob = store.blobs().open_blob(digest).map_err(classify)?;
            let partial = path.with_extension("tmp");
            let mut file = File::create(&partial).map_err(classify)?;
            io::copy(&mut blob, &mut file).map_err(classify)?;
            std::fs::rename(&partial, &path).map_err(classify)?;
        }
        // last, so that a layout never names what it does not have
        let index = merged(&folder.join("index.json"), &self.index)?;
        for (name, document) in self.documents(&index) {
            let path = folder.join(name);
            wharf_blobs::write_file(&path, document.as_bytes(), 0o644).map_err(classify)?;
        }
        Ok(())
    }
}

/// The entries of a layout that is there, without those that the new ones take the place of, and the new ones.
fn merged(path: &Path, new: &[Value]) -> Result<Vec<Value>, EngineError> {
    let known: Value = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Value::Null,
        Err(error) => return Err(classify(error)),
    };
    let name = |entry: &Value| {
        entry
            .pointer("/annotations/org.opencontainers.image.ref.name")
            .cloned()
    };
    let mut entries: Vec<Value> = known
        .get("manifests")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    entries.retain(|entry| {
        let replaces = |other: &Value| {
            other.get("digest") == entry.get("digest")
                || (name(other).is_some() && name(other) == name(entry))
        };
        !new.iter().any(replaces)
    });
    entries.extend(new.iter().cloned());
    Ok(entries)
}

/// One entry for each name, or one without.
fn entries(names: &[Reference], root: &RawManifest, shape: &ImageShape) -> Vec<Value> {
    let own = shape.annotations_of(AnnotationPlace::IndexDescriptor, None);
    let entry = |name: Option<&Reference>| {
        let mut annotations = own.clone();
        if let Some(name) = name {
            let tag = name.tag().map(ToString::to_string).unwrap_or_default();
            annotations.insert("io.containerd.image.name".to_owned(), name.to_string());
            annotations.insert("org.opencontainers.image.ref.name".to_owned(), tag);
        }
        let mut descriptor = root.descriptor();
        descriptor.annotations = Some(annotations);
        json!(descriptor)
    };
    if names.is_empty() {
        return vec![entry(None)];
    }
    names.iter().map(|name| entry(Some(name))).collect()
}

/// `manifest.json`.
fn listing(manifest: &RawManifest, names: &[Reference]) -> Result<Value, EngineError> {
    let ParsedManifest::Manifest(parsed) = manifest.parse().map_err(classify)? else {
        return Ok(json!([]));
    };
    let tags: Vec<String> = names.iter().map(Reference::familiar).collect();
    let layers: Vec<String> = parsed
        .layers
        .iter()
        .map(|layer| blob_path(&layer.digest))
        .collect();
    Ok(json!([{
        "Config": blob_path(&parsed.config.digest),
        "RepoTags": if tags.is_empty() { Value::Null } else { json!(tags) },
        "Layers": layers,
    }]))
}
