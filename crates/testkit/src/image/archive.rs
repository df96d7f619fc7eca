//! Images in files: OCI layout folders, the same as a tar, and the archives that `docker save` wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::artifact::Artifact;
use super::builder::BuiltImage;
use crate::files::write;
use crate::tar::TarBuilder;

/// Writes an OCI image layout to `folder`. A name becomes the annotation `org.opencontainers.image.ref.name`.
pub fn write_oci_layout(folder: &Path, artifacts: &[(&str, &Artifact)]) {
    for (path, content) in layout_files(artifacts) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a file in a folder"))
            .expect("creating a folder of the layout");
        write(&path, &content);
    }
}

/// The tar of an OCI image layout.
pub fn oci_archive(artifacts: &[(&str, &Artifact)]) -> Vec<u8> {
    let mut tar = TarBuilder::new()
        .directory("blobs")
        .directory("blobs/sha256");
    for (path, content) in layout_files(artifacts) {
        tar = tar.file(&path, content);
    }
    tar.finish()
}

/// The archive that `docker save` wrote before release 25: `CONFIG.json`, `LAYER/layer.tar` and `manifest.json`.
pub fn docker_archive(images: &[(&BuiltImage, &[&str])]) -> Vec<u8> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut manifest: Vec<Value> = Vec::new();
    for (image, names) in images {
        let config = format!("{}.json", image.config.digest().hex());
        let layers: Vec<String> = image
            .layers
            .iter()
            .map(|layer| format!("{}/layer.tar", layer.diff_id.digest().hex()))
            .collect();
        for (path, layer) in layers.iter().zip(&image.layers) {
            files.insert(path.clone(), layer.tar.clone());
        }
        manifest.push(json!({"Config": config, "RepoTags": names, "Layers": layers}));
        files.insert(config, image.config.bytes.clone());
    }
    let mut tar = TarBuilder::new();
    for (path, content) in files {
        tar = tar.file(&path, content);
    }
    tar.file("manifest.json", json!(manifest).to_string())
        .finish()
}

fn layout_files(artifacts: &[(&str, &Artifact)]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut entries: Vec<Value> = Vec::new();
    for (name, artifact) in artifacts {
        for blob in artifact.blobs.iter().chain(&artifact.manifests) {
            let digest = blob.digest();
            files.insert(
                format!("blobs/{}/{}", digest.algorithm().name(), digest.hex()),
                blob.bytes.clone(),
            );
        }
        let mut entry = json!(artifact.root().descriptor);
        if !name.is_empty() {
            entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        entries.push(entry);
    }
    files.insert(
        "oci-layout".to_owned(),
        json!({"imageLayoutVersion": "1.0.0"})
            .to_string()
            .into_bytes(),
    );
    files.insert(
        "index.json".to_owned(),
        json!({"schemaVersion": 2, "manifests": entries})
            .to_string()
            .into_bytes(),
    );
    files
}
