//! `imagetools create`: a new index out of what registries have.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::{
    Algorithm, Descriptor, MediaType, MediaTypeKind, ParsedManifest, RawManifest, Reference,
    Repository,
};
use wharf_registry_client::{RegistryClient, TagOrDigest};
use wharf_transfer::{EventSink, TransferEvent};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

use super::annotation::Annotation;
use super::copying::copy_manifest;
use super::documents::index_document;
use super::error::ManifestListError;
use super::reading::{fetch, platform};
use super::sources::{ComposeSource, ComposeSourceError};

/// What to make.
#[derive(Debug, Clone)]
pub struct ComposeRequest {
    /// The names that the new index will get.
    pub tags: Vec<Reference>,
    /// What goes into it.
    pub sources: Vec<ComposeSource>,
    /// What to say about it.
    pub annotations: Vec<Annotation>,
    /// Whether one manifest alone becomes an index of one, instead of being copied as it is.
    pub prefer_index: bool,
}

/// A new index, or a copy of a manifest, that is nowhere yet.
#[derive(Debug, Clone)]
pub struct Composed {
    /// The document.
    pub document: RawManifest,
    sources: Vec<Found>,
}

/// A source in its registry.
#[derive(Debug, Clone)]
struct Found {
    repository: Repository,
    raw: RawManifest,
    descriptor: Descriptor,
}

impl Engine {
    /// Reads the sources and makes the new document. Nothing is sent.
    pub async fn compose(&self, request: &ComposeRequest) -> Result<Composed, EngineError> {
        let client = self.client()?;
        let names = source_names(&request.sources, &request.tags).map_err(classify)?;
        let mut sources = Vec::with_capacity(names.len());
        for (source, name) in request.sources.iter().zip(names) {
            sources.push(find(client, source, &name).await?);
        }
        let document = combined(&sources, request).map_err(classify)?;
        Ok(Composed { document, sources })
    }

    /// Sends the document to every one of `tags`, after what it points to.
    pub async fn push_composed(
        &self,
        composed: &Composed,
        tags: &[Reference],
        events: &EventSink,
    ) -> Result<(), EngineError> {
        let client = self.client()?;
        let concurrency = self.settings().max_concurrent_uploads.max(1);
        for tag in tags {
            let target = tag.repository();
            for source in &composed.sources {
                let from = &source.repository;
                if from != target {
                    let digest = source.descriptor.digest;
                    let text = format!("copying {digest} from {from} to {tag}");
                    events(TransferEvent::Status(text));
                    let raw = source.raw.clone();
                    copy_manifest(client, from, target, raw, concurrency, events).await?;
                }
            }
            let document = &composed.document;
            let text = format!("pushing {} to {tag}", document.digest());
            events(TransferEvent::Status(text));
            let target = client.repository(target).map_err(classify)?;
            target
                .put_manifest(&TagOrDigest::of(tag), document)
                .await
                .map_err(classify)?;
        }
        Ok(())
    }
}

/// Where each source is. One that is no name is in the only repository that tags and sources speak of.
fn source_names(
    sources: &[ComposeSource],
    tags: &[Reference],
) -> Result<Vec<Reference>, ComposeSourceError> {
    if sources.is_empty() {
        return Err(ComposeSourceError::NoSources);
    }
    let named = sources.iter().filter_map(ComposeSource::repository);
    let repositories: BTreeSet<&Repository> = tags
        .iter()
        .map(Reference::repository)
        .chain(named)
        .collect();
    let only = match repositories.first() {
        None => return Err(ComposeSourceError::NoRepository),
        Some(only) => (repositories.len() == 1).then_some(*only),
    };
    let name = |source: &ComposeSource| {
        let digest = match source {
            ComposeSource::Name(reference) => return Ok(reference.clone()),
            ComposeSource::Digest(digest) => Some(*digest),
            ComposeSource::Descriptor(descriptor) => descriptor.digest,
        };
        let repository =
            only.ok_or_else(|| ComposeSourceError::ManyRepositories(source.to_string()))?;
        Ok(match digest {
            Some(digest) => repository.with_digest(digest),
            None => repository.clone().into_reference().or_latest(),
        })
    };
    sources.iter().map(name).collect()
}

async fn find(
    client: &RegistryClient,
    source: &ComposeSource,
    name: &Reference,
) -> Result<Found, EngineError> {
    let repository = name.repository().clone();
    let reader = client.repository(&repository).map_err(classify)?;
    let raw = fetch(&reader, name).await?;
    let mut descriptor = raw.descriptor();
    if let ComposeSource::Descriptor(more) = source {
        more.add_to(&mut descriptor).map_err(classify)?;
    }
    let known = descriptor.platform.as_ref();
    let is_known =
        known.is_some_and(|known| !known.os.is_empty() && !known.architecture.is_empty());
    if let ParsedManifest::Manifest(manifest) = raw.parse().map_err(classify)?
        && !is_known
        && manifest.config.media_type.kind() == MediaTypeKind::Config
    {
        descriptor.platform = Some(platform(&reader, &manifest).await?);
    }
    Ok(Found {
        repository,
        raw,
        descriptor,
    })
}

/// The new document: the one source as it is, or an index of all manifests, each once.
fn combined(sources: &[Found], request: &ComposeRequest) -> Result<RawManifest, ManifestListError> {
    if let [only] = sources
        && request.annotations.is_empty()
    {
        let is_index = only.raw.media_type().kind() == MediaTypeKind::Index;
        if is_index || !request.prefer_index {
            return Ok(only.raw.clone());
        }
    }
    let mut entries = Vec::new();
    for source in sources {
        match source.raw.parse()? {
            ParsedManifest::Index(index) => {
                for entry in index.manifests {
                    add(&mut entries, entry);
                }
            }
            ParsedManifest::Manifest(_) => add(&mut entries, source.descriptor.clone()),
        }
    }
    let is_docker = |entry: &Descriptor| {
        let media_type = entry.media_type.as_str();
        media_type.starts_with("application/vnd.docker.")
    };
    let mut annotations = BTreeMap::new();
    // A manifest list has no place for annotations: buildx drops them there, which nobody can want.
    let media_type = if entries.iter().all(is_docker) && request.annotations.is_empty() {
        MediaType::DOCKER_MANIFEST_LIST
    } else {
        annotate(&request.annotations, &mut annotations, &mut entries);
        MediaType::OCI_INDEX
    };
    let bytes = index_document(media_type, &entries, &annotations)?;
    let media_type = MediaType::new(media_type);
    Ok(RawManifest::new(
        bytes,
        Some(&media_type),
        Algorithm::Sha256,
    )?)
}

/// Adds an entry, or to the entry of the same manifest what this one says more.
fn add(entries: &mut Vec<Descriptor>, entry: Descriptor) {
    let known = entries
        .iter_mut()
        .find(|known| known.digest == entry.digest);
    let Some(known) = known else {
        entries.push(entry);
        return;
    };
    if entry.platform.is_some() {
        known.platform = entry.platform;
    }
    if let Some(annotations) = entry.annotations {
        known
            .annotations
            .get_or_insert_default()
            .extend(annotations);
    }
}

fn annotate(
    annotations: &[Annotation],
    of_index: &mut BTreeMap<String, String>,
    entries: &mut [Descriptor],
) {
    for annotation in annotations {
        match annotation {
            Annotation::Index { key, value } => {
                of_index.insert(key.clone(), value.clone());
            }
            Annotation::Descriptor {
                platform,
                key,
                value,
            } => {
                let meant = |entry: &&mut Descriptor| {
                    let own = entry.platform.as_ref().map(ToString::to_string);
                    platform.is_none() || platform.as_ref().map(ToString::to_string) == own
                };
                for entry in entries.iter_mut().filter(meant) {
                    let own = entry.annotations.get_or_insert_default();
                    own.insert(key.clone(), value.clone());
                }
            }
        }
    }
}
