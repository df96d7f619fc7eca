//! Puts finished layers together to an image in an OCI layout.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::layer::{Layer, hex};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Where the blobs of the layout in `folder` lie; the folder is made.
pub(super) fn blob_folder(folder: &Path) -> Result<std::path::PathBuf> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("creating {}", blobs.display()))?;
    Ok(blobs)
}

/// Writes config, manifest and index, taking form number `form` of each layer. The image is tagged `latest`.
pub(super) fn write_layout(folder: &Path, layers: &[Layer], form: usize) -> Result<()> {
    let blobs = blob_folder(folder)?;
    let config = write_blob(&blobs, &image_config(layers, "wharf-bench"))?;
    let described: Vec<Value> = layers
        .iter()
        .map(|layer| {
            let blob = &layer.blobs[form];
            json!({"mediaType": blob.media_type, "digest": blob.digest, "size": blob.size})
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config.0, "size": config.1},
        "layers": described,
    });
    let (digest, size) = write_blob(&blobs, &manifest)?;
    let index = json!({
        "schemaVersion": 2,
        "manifests": [{
            "mediaType": MANIFEST, "digest": digest, "size": size,
            "annotations": {"org.opencontainers.image.ref.name": "latest"},
        }],
    });
    write(&folder.join("index.json"), &serde_json::to_vec(&index)?)?;
    write(
        &folder.join("oci-layout"),
        br#"{"imageLayoutVersion":"1.0.0"}"#,
    )
}

/// The config of an image of `layers`; `title` makes it differ from others.
pub(super) fn image_config(layers: &[Layer], title: &str) -> Value {
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    let history: Vec<Value> = (0..layers.len())
        .map(|position| {
            json!({"created": "2025-01-01T00:00:00Z", "created_by": format!("wharf-bench layer {position}")})
        })
        .collect();
    json!({
        "created": "2025-01-01T00:00:00Z",
        "architecture": architecture(),
        "os": "linux",
        "config": {"Env": ["PATH=/usr/bin:/bin"], "Cmd": ["/bin/busybox", "true"], "Labels": {"title": title}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": history,
    })
}

/// Go's word for this machine's processor.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// What one layer of an image is called, in hexadecimal.
#[derive(Debug, Clone)]
pub(crate) struct LayerNames {
    /// The digest of the compressed blob.
    pub(crate) blob: String,
    /// The digest of the tar.
    pub(crate) diff: String,
}

/// The layers of the image in the layout in `folder`.
pub(crate) fn layer_names(folder: &Path) -> Result<Vec<LayerNames>> {
    let read = |path: &Path| -> Result<Value> {
        let bytes = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    let hex = |digest: &Value| digest.as_str().unwrap_or_default().replace("sha256:", "");
    let blob = |digest: &Value| read(&folder.join("blobs/sha256").join(hex(digest)));
    let index = read(&folder.join("index.json"))?;
    let manifest = blob(&index["manifests"][0]["digest"])?;
    let config = blob(&manifest["config"]["digest"])?;
    let layers = manifest["layers"].as_array().context("no layers")?;
    let names = layers
        .iter()
        .enumerate()
        .map(|(position, layer)| LayerNames {
            blob: hex(&layer["digest"]),
            diff: hex(&config["rootfs"]["diff_ids"][position]),
        });
    Ok(names.collect())
}

fn write_blob(blobs: &Path, document: &Value) -> Result<(String, usize)> {
    let bytes = serde_json::to_vec(document)?;
    let hex = hex(Sha256::new_with_prefix(&bytes));
    write(&blobs.join(&hex), &bytes)?;
    Ok((format!("sha256:{hex}"), bytes.len()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a cache that is made again when its mark of completion is missing"
)]
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("writing {}", path.display()))
}
