//! The pull: manifest, then the layers, the largest first, two at a time.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Failure;
use crate::http::Connection;
use crate::inflate::Inflater;
use crate::untar::Untar;

const LAYERS_AT_ONCE: usize = 2;

struct Layer {
    /// Where it stands in the image: 0 is the lowest.
    position: usize,
    digest: String,
    diff_id: String,
    media_type: String,
    size: u64,
}

/// Unpacks the layers of `reference` to `root`/0, `root`/1 and so on, synced; answers how many they are.
pub(crate) fn pull(reference: &str, root: &Path) -> Result<usize, Failure> {
    let (host, name) = reference.split_once('/').ok_or("no registry in the name")?;
    let (repository, tag) = name.rsplit_once(':').ok_or("no tag in the name")?;
    let mut connection = Connection::open(host)?;
    let mut layers = resolve(&mut connection, repository, tag)?;
    let count = layers.len();
    layers.sort_by_key(|layer| std::cmp::Reverse(layer.size));
    rustix::process::umask(rustix::fs::Mode::empty());
    fs::create_dir_all(root)?;

    let next = AtomicUsize::new(0);
    let work = |mut connection: Connection| -> Result<(), Failure> {
        while let Some(layer) = layers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let target = root.join(layer.position.to_string());
            unpack(&mut connection, repository, layer, &target)?;
        }
        Ok(())
    };
    thread::scope(|scope| -> Result<(), Failure> {
        let helpers: Vec<_> = (1..LAYERS_AT_ONCE.min(count))
            .map(|_| scope.spawn(|| work(Connection::open(host)?)))
            .collect();
        work(connection)?;
        for helper in helpers {
            match helper.join() {
                Ok(outcome) => outcome?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok(())
    })?;
    rustix::fs::syncfs(File::open(root)?)?;
    Ok(count)
}

fn resolve(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
) -> Result<Vec<Layer>, Failure> {
    let manifest = connection.document(&format!("/v2/{repository}/manifests/{tag}"))?;
    let manifest: Value = serde_json::from_slice(&manifest)?;
    let config = text(&manifest["config"]["digest"])?;
    let config = connection.document(&format!("/v2/{repository}/blobs/{config}"))?;
    let config: Value = serde_json::from_slice(&config)?;
    let layers = manifest["layers"].as_array().ok_or("no layers")?;
    let mut found = Vec::with_capacity(layers.len());
    for (position, layer) in layers.iter().enumerate() {
        found.push(Layer {
            position,
            digest: text(&layer["digest"])?,
            diff_id: text(&config["rootfs"]["diff_ids"][position])?,
            media_type: text(&layer["mediaType"])?,
            size: layer["size"].as_u64().unwrap_or_default(),
        });
    }
    Ok(found)
}

fn text(value: &Value) -> Result<String, Failure> {
    Ok(value
        .as_str()
        .ok_or("the manifest or config lacks a field")?
        .to_owned())
}

/// One layer, in one pass over bytes that stay in the cache of one core.
fn unpack(
    connection: &mut Connection,
    repository: &str,
    layer: &Layer,
    target: &Path,
) -> Result<(), Failure> {
    let mut blob_hash = Sha256::new();
    let mut tar_hash = Sha256::new();
    let mut inflater = Inflater::new(&layer.media_type)?;
    let mut untar = Untar::new(target)?;
    let path = format!("/v2/{repository}/blobs/{}", layer.digest);
    connection.body(&path, |piece| {
        blob_hash.update(piece);
        inflater.feed(piece, |plain| {
            tar_hash.update(plain);
            untar.feed(plain)
        })
    })?;
    untar.finish()?;
    expect_digest(&layer.digest, blob_hash)?;
    expect_digest(&layer.diff_id, tar_hash)
}

fn expect_digest(expected: &str, hash: Sha256) -> Result<(), Failure> {
    let found = hash
        .finalize()
        .iter()
        .fold(String::from("sha256:"), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('?'));
            }
            text
        });
    if found == expected {
        Ok(())
    } else {
        Err(format!("{expected} has the digest {found}").into())
    }
}
