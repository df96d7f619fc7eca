//! `--verify`: what differs between two layers that should be the same.

use std::collections::BTreeMap;
use std::io::Read;

use wharf_build::tree::{FileTree, LayersTree, Node, NodeKind, join};
use wharf_oci::DiffId;

use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Differences that are told.
const MAXIMUM_TOLD: usize = 10;
const BUFFER_BYTES: usize = 64 << 10;

impl Engine {
    /// The first differences between two layers of the store: paths, and what of them differs.
    ///
    /// # Errors
    /// If one of them is not there any more, or cannot be read.
    pub fn layer_differences(
        &self,
        one: DiffId,
        other: DiffId,
    ) -> Result<Vec<String>, EngineError> {
        let store = self.store()?;
        let one = LayersTree::open(store, &[one]).map_err(classify)?;
        let other = LayersTree::open(store, &[other]).map_err(classify)?;
        let mut found = Vec::new();
        compare(&one, &other, b"", &mut found)?;
        Ok(found)
    }
}

fn compare(
    one: &dyn FileTree,
    other: &dyn FileTree,
    path: &[u8],
    found: &mut Vec<String>,
) -> Result<(), EngineError> {
    let children = |tree: &dyn FileTree| -> Result<BTreeMap<Vec<u8>, Node>, EngineError> {
        Ok(tree.children(path).map_err(classify)?.into_iter().collect())
    };
    let (first, mut second) = (children(one)?, children(other)?);
    for (name, node) in first {
        if found.len() >= MAXIMUM_TOLD {
            return Ok(());
        }
        let below = join(path, &name);
        let shown = format!("/{}", String::from_utf8_lossy(&below));
        let Some(same) = second.remove(&name) else {
            found.push(format!("{shown} is only in the first"));
            continue;
        };
        if let Some(what) = differing(&node, &same) {
            found.push(format!("{shown}: {what}"));
        } else if node.kind == NodeKind::File {
            let (one, other) = (
                one.open(&below).map_err(classify)?,
                other.open(&below).map_err(classify)?,
            );
            if one.capability != other.capability {
                found.push(format!("{shown}: security.capability"));
            } else if let Some(offset) = first_difference(one.content, other.content)? {
                found.push(format!("{shown}: content, from byte {offset} on"));
            }
        }
        if node.is_directory() && same.is_directory() {
            compare(one, other, &below, found)?;
        }
    }
    for name in second.into_keys() {
        if found.len() < MAXIMUM_TOLD {
            let below = join(path, &name);
            let shown = String::from_utf8_lossy(&below).into_owned();
            found.push(format!("/{shown} is only in the second"));
        }
    }
    Ok(())
}

/// What differs besides content.
fn differing(one: &Node, other: &Node) -> Option<String> {
    if one.kind != other.kind {
        return Some("kind".to_owned());
    }
    if one.mode != other.mode {
        return Some(format!("mode {:o} and {:o}", one.mode, other.mode));
    }
    if (one.user, one.group) != (other.user, other.group) {
        return Some("owner".to_owned());
    }
    if one.size != other.size {
        return Some(format!("{} and {} bytes", one.size, other.size));
    }
    if (&one.target, one.device) != (&other.target, other.device) {
        return Some("target".to_owned());
    }
    (one.modified != other.modified).then(|| "time".to_owned())
}

/// Where two contents of the same length differ.
fn first_difference(mut one: impl Read, mut other: impl Read) -> Result<Option<u64>, EngineError> {
    let (mut first, mut second) = (vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]);
    let mut offset = 0;
    loop {
        let count = one.read(&mut first).map_err(classify)?;
        let read = first.get(..count).unwrap_or_default();
        let same = second.get_mut(..count).unwrap_or_default();
        other.read_exact(same).map_err(classify)?;
        if let Some(at) = read.iter().zip(&*same).position(|(a, b)| a != b) {
            return Ok(Some(offset + at as u64));
        }
        if count == 0 {
            return Ok(None);
        }
        offset += count as u64;
    }
}
