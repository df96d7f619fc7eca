//! The one way an image travels.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use wharf_oci::{
    Descriptor, Index, ManifestDigest, ParsedManifest, Platform, PlatformMatcher, RawManifest,
};

use crate::endpoint::{EndpointError, ErrorKind, ImageSink, ImageSource, LayerTask, ManifestRole};
use crate::events::EventSink;
use crate::graph::{GraphError, ImageGraph, ImageParts, LayerPart};

/// Indexes within indexes deeper than this are not followed.
const INDEX_DEPTH_LIMIT: usize = 4;

/// What to copy, and how.
#[derive(Debug, Clone)]
pub struct CopyOptions {
    /// Of an index, only the image that fits this platform best; `None` copies all of it.
    pub platform: Option<Platform>,
    /// How many layers travel at once; at least 1.
    pub concurrency: usize,
}

/// Copies what `root` is the description of from `source` to `sink`. Layers that several images share
/// travel once. Returns what was copied.
pub async fn copy_image<S: ImageSource, D: ImageSink>(
    source: &S,
    sink: &D,
    root: RawManifest,
    options: &CopyOptions,
    events: &EventSink,
) -> Result<ImageGraph, EndpointError> {
    let graph = resolve(source, root, options).await?;
    let layers = distinct_layers(&graph);
    sink.announce(&graph, &layers, events).await?;
    let put = |layer| {
        sink.put_layer(LayerTask {
            layer,
            source,
            events,
        })
    };
    stream::iter(&layers)
        .map(put)
        .buffer_unordered(options.concurrency.max(1))
        .try_collect::<()>()
        .await?;
    let is_index = graph.index().map_err(invalid)?.is_some();
    let role = if is_index {
        ManifestRole::Child
    } else {
        ManifestRole::Root
    };
    for parts in &graph.images {
        sink.put_image(parts, role).await?;
    }
    if is_index {
        sink.put_index(&graph.root).await?;
    }
    Ok(graph)
}

/// Reads the documents: which images, which configs, which layers.
async fn resolve<S: ImageSource>(
    source: &S,
    root: RawManifest,
    options: &CopyOptions,
) -> Result<ImageGraph, EndpointError> {
    let mut images = Vec::new();
    let mut seen = HashSet::<ManifestDigest>::new();
    let mut open = vec![(root.clone(), 0)];
    while let Some((raw, depth)) = open.pop() {
        if !seen.insert(raw.digest()) {
            continue;
        }
        match raw.parse().map_err(invalid)? {
            ParsedManifest::Manifest(manifest) => {
                let config = source.document(&manifest.config).await?;
                images.push(ImageParts::new(raw, *manifest, config).map_err(invalid)?);
            }
            ParsedManifest::Index(_) if depth >= INDEX_DEPTH_LIMIT => {
                let text = format!("index {} is nested too deeply", raw.digest());
                return Err(EndpointError::new(ErrorKind::Invalid, text));
            }
            ParsedManifest::Index(index) => {
                // Last first, so that the stack gives them in the index's order.
                for child in chosen(&index, options.platform.as_ref())?.into_iter().rev() {
                    open.push((source.manifest(&child).await?, depth + 1));
                }
            }
        }
    }
    Ok(ImageGraph { root, images })
}

fn chosen(index: &Index, platform: Option<&Platform>) -> Result<Vec<Descriptor>, EndpointError> {
    let Some(platform) = platform else {
        return Ok(index.manifests.clone());
    };
    let best = index.choose(&PlatformMatcher::only(platform)).cloned();
    let missing = || {
        let cause = GraphError::NoMatchingPlatform(platform.clone());
        EndpointError::new(ErrorKind::NotFound, cause)
    };
    best.map(|child| vec![child]).ok_or_else(missing)
}

fn distinct_layers(graph: &ImageGraph) -> Vec<LayerPart> {
    let mut seen = HashSet::new();
    let all = graph.images.iter().flat_map(|image| &image.layers);
    all.filter(|layer| seen.insert(layer.descriptor.digest))
        .cloned()
        .collect()
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> EndpointError {
    EndpointError::new(ErrorKind::Invalid, error)
}
