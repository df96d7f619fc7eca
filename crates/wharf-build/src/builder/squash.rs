//! `--squash`: the layers of a build as one.

use std::collections::HashMap;
use std::sync::Arc;

use wharf_images::{ImageStore, Lease};
use wharf_oci::{DiffId, History};

use super::cancellation::Cancellation;
use super::digests::Digests;
use super::error::StepError;
use super::layer::{Blocks, LayerTarget, write_layer};
use super::stage::{BuiltLayer, BuiltStage};
use crate::copy::{Content, LayerEntries, LayerEntry};
use crate::tree::{FileTree, LayersTree, Lookup as _, Node, NodeKind, join};

/// What is found below becomes unseen through a file of this name.
const WHITEOUT_PREFIX: &[u8] = b".wh.";

/// Which layers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Squash {
    /// Those that this build has made.
    New,
    /// Those of the base as well.
    All,
}

/// Makes one layer of several. What was written and removed again in between is in none of them any more.
///
/// # Errors
/// If a layer cannot be read, or the new one cannot be written.
pub fn squash(
    built: BuiltStage,
    which: Squash,
    threads: usize,
    store: &ImageStore,
    lease: &Lease,
) -> Result<BuiltStage, StepError> {
    let kept = match which {
        Squash::New => built
            .layers
            .iter()
            .take_while(|layer| layer.is_base)
            .count(),
        Squash::All => 0,
    };
    let (below, above) = built.layers.split_at(kept);
    if above.is_empty() || (above.len() == 1 && which == Squash::New) {
        return Ok(built);
    }
    let ids = |layers: &[BuiltLayer]| -> Vec<DiffId> {
        layers.iter().map(|built| built.layer.diff_id).collect()
    };
    let whole: Arc<dyn FileTree> = Arc::new(LayersTree::open(store, &ids(&built.layers))?);
    let mut difference = Difference {
        base: LayersTree::open(store, &ids(below))?,
        whole,
        entries: Vec::new(),
        links: HashMap::new(),
    };
    difference.folder(b"")?;
    difference.entries.sort_by(|one, other| one.0.cmp(&other.0));
    let mut digests = Digests::new(store);
    let target = LayerTarget {
        threads,
        store,
        lease,
        cancellation: &Cancellation::default(),
        blocks: Blocks::Forgotten,
    };
    let written = write_layer(&difference.entries, built.times, target, &mut digests)?;
    store.remember_layer_blob(&written.layer.blob, written.layer.diff_id)?;
    let mut layers = below.to_vec();
    layers.push(BuiltLayer {
        layer: written.layer,
        is_base: false,
    });
    let mut image = built.image.clone();
    image.history = history(&image.history, kept);
    let created = built.times.of_build().to_string();
    Ok(BuiltStage {
        config: image.document(&created, &ids(&layers))?,
        image,
        layers,
        times: built.times,
    })
}

/// The steps stay to be read, and one more says where their layers have gone, as Docker's classic builder has it.
fn history(steps: &[History], kept: usize) -> Vec<History> {
    let mut seen = 0;
    let mut history: Vec<History> = steps
        .iter()
        .map(|step| {
            let has_layer = !step.empty_layer;
            seen += usize::from(has_layer);
            History {
                empty_layer: step.empty_layer || seen > kept,
                ..step.clone()
            }
        })
        .collect();
    history.push(History {
        comment: format!("merge of {} layers", seen.saturating_sub(kept)),
        ..History::default()
    });
    history
}

/// What there is more, and less, than in the layers below.
struct Difference {
    base: LayersTree,
    whole: Arc<dyn FileTree>,
    entries: LayerEntries,
    /// Numbers of files with several names.
    links: HashMap<(u64, u64), u64>,
}

impl Difference {
    /// Compares what is in a folder that both may have.
    fn folder(&mut self, path: &[u8]) -> Result<(), StepError> {
        let mut before: HashMap<Vec<u8>, Node> = match self.base.node(path)? {
            Some(node) if node.is_directory() => self.base.children(path)?.into_iter().collect(),
            _ => HashMap::new(),
        };
        for (name, node) in self.whole.children(path)? {
            let below = join(path, &name);
            let known = before.remove(&name);
            if known.as_ref() != Some(&node) {
                self.add(&below, node.clone());
            }
            if node.is_directory() {
                self.folder(&below)?;
            }
        }
        for name in before.into_keys() {
            let marker = [WHITEOUT_PREFIX, &name].concat();
            let entry = LayerEntry {
                node: Node::file(0, 0, None),
                content: Content::None,
                link: None,
            };
            self.entries.push((join(path, &marker), Box::new(entry)));
        }
        Ok(())
    }

    fn add(&mut self, path: &[u8], node: Node) {
        let content = match node.kind {
            NodeKind::File => Content::Tree {
                tree: Arc::clone(&self.whole),
                path: path.to_vec(),
            },
            _ => Content::None,
        };
        let file = node
            .identity
            .filter(|_| node.names > 1 && !node.is_directory());
        let next = self.links.len() as u64;
        let link = file.map(|file| *self.links.entry((file.device, file.inode)).or_insert(next));
        let entry = LayerEntry {
            node,
            content,
            link,
        };
        self.entries.push((path.to_vec(), Box::new(entry)));
    }
}
