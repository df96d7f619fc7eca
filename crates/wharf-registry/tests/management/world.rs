//! Images that are pushed over the distribution protocol.

use serde_json::{Value, json};
use wharf_oci::Digest;

use crate::server::Client;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Pushes a blob. Gives its descriptor without a media type.
pub(crate) fn push_blob(client: &Client, repository: &str, content: &[u8]) -> Value {
    let digest = Digest::of(content).to_string();
    let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
    let pushed = client.send("POST", &path, content);
    assert_eq!(pushed.status, 201, "{pushed:?}");
    json!({ "digest": digest, "size": content.len() })
}

/// Pushes a manifest. Gives its digest.
pub(crate) fn push_manifest(
    client: &Client,
    repository: &str,
    reference: &str,
    media_type: &str,
    manifest: &Value,
) -> String {
    let path = format!("/v2/{repository}/manifests/{reference}");
    let content = manifest.to_string();
    let client = client.clone().with("Content-Type", media_type);
    let pushed = client.send("PUT", &path, content.as_bytes());
    assert_eq!(pushed.status, 201, "{pushed:?}");
    Digest::of(content.as_bytes()).to_string()
}

/// Pushes an image whose config says who made it. Gives its digest.
pub(crate) fn push_image(client: &Client, repository: &str, tag: &str, author: &str) -> String {
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "author": author,
        "created": "2026-01-02T03:04:05Z",
        "config": { "Cmd": ["sh"] },
        "history": [{ "created_by": "COPY . /", "created": "2026-01-02T03:04:05Z" }],
        "rootfs": { "type": "layers", "diff_ids": [] },
    });
    let mut config = push_blob(client, repository, config.to_string().as_bytes());
    config["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    let mut layer = push_blob(client, repository, b"layer");
    layer["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    push_manifest(client, repository, tag, MANIFEST, &manifest)
}

/// Pushes an index of one image, for a platform. Gives its digest.
pub(crate) fn push_index(client: &Client, repository: &str, tag: &str, child: &str) -> String {
    let pulled = client.send("GET", &format!("/v2/{repository}/manifests/{child}"), b"");
    let size: u64 = pulled
        .header("content-length")
        .expect("it is there")
        .parse()
        .expect("it is there");
    let platform = json!({ "architecture": "amd64", "os": "linux" });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{ "mediaType": MANIFEST, "digest": child, "size": size, "platform": platform }],
    });
    push_manifest(client, repository, tag, INDEX, &index)
}

/// Pushes something that says something about `subject`. Gives its digest.
pub(crate) fn push_accessory(
    client: &Client,
    repository: &str,
    subject: &str,
    kind: &str,
) -> String {
    let mut config = push_blob(client, repository, b"{}");
    config["mediaType"] = json!("application/vnd.oci.empty.v1+json");
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": kind,
        "config": config,
        "layers": [config],
        "subject": { "mediaType": MANIFEST, "digest": subject, "size": 1 },
    });
    let digest = Digest::of(manifest.to_string().as_bytes()).to_string();
    push_manifest(client, repository, &digest, MANIFEST, &manifest)
}
