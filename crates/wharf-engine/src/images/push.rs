//! `push`: from the store to a registry.

use std::io::{self, Write as _};
use std::sync::Arc;

use wharf_images::{ImageStore, NameRecord};
use wharf_layers::{Compressor, Decompressor, Limits};
use wharf_oci::{
    Descriptor, Digest, Index, Manifest, MediaType, ParsedManifest, RawManifest, Reference,
    Repository,
};
use wharf_registry_client::{AuthError, RepositoryClient, TagOrDigest};
use wharf_transfer::{
    CopyOptions, ErrorKind, EventSink, LayerPart, LayerProgress, TransferEvent, copy_image,
};

use crate::blocking;
use crate::builds::BuiltImage;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::local_endpoint::LocalSource;
use crate::registry_endpoint::{RegistrySink, layer_id};

/// The level that Docker compresses with too.
const GZIP_LEVEL: u32 = 6;

/// What to push.
#[derive(Debug, Clone)]
pub struct PushRequest {
    /// Repository with a tag; a bare name means `latest`.
    pub reference: Reference,
}

/// What a push came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushOutcome {
    /// What was pushed.
    pub reference: Reference,
    /// The digest of the manifest or index that the registry has under it now.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

impl Engine {
    /// Pushes one tag and tells `events` what Docker tells.
    pub async fn push(
        &self,
        request: &PushRequest,
        events: &EventSink,
    ) -> Result<PushOutcome, EngineError> {
        let reference = request.reference.clone().or_latest();
        if reference.digest().is_some() {
            return Err(failure(
                ErrorKind::Invalid,
                "cannot push a digest reference",
            ));
        }
        let repository = reference.repository();
        refers(repository, events);
        let store = self.store()?;
        let Some(name) = store.name(&reference).map_err(classify)? else {
            // Docker tells a missing tag from a missing repository.
            let known = !store.names_in(repository).map_err(classify)?.is_empty();
            let text = if known {
                format!("tag does not exist: {}", reference.familiar())
            } else {
                no_such_repository(repository)
            };
            return Err(failure(ErrorKind::NotFound, text));
        };
        self.push_name(&name, events).await
    }

    /// Pushes every tag that the repository has here.
    pub async fn push_all(
        &self,
        repository: &Repository,
        events: &EventSink,
    ) -> Result<Vec<PushOutcome>, EngineError> {
        refers(repository, events);
        let mut names = self.store()?.names_in(repository).map_err(classify)?;
        names.retain(|record| record.name.tag().is_some());
        if names.is_empty() {
            return Err(failure(ErrorKind::NotFound, no_such_repository(repository)));
        }
        let mut outcomes = Vec::with_capacity(names.len());
        for name in &names {
            outcomes.push(self.push_name(name, events).await?);
        }
        Ok(outcomes)
    }

    /// Pushes what a build has made to each of its names; with `by_digest` to none of their tags.
    ///
    /// # Errors
    /// If a registry does not take it.
    pub async fn push_built(
        &self,
        image: &BuiltImage,
        by_digest: bool,
        events: &EventSink,
    ) -> Result<(), EngineError> {
        let store = self.store()?;
        let concurrency = self.settings().max_concurrent_uploads.max(1);
        for name in &image.names {
            refers(name.repository(), events);
            let client = self.repository(name.repository())?;
            let tag = name.tag().filter(|_| !by_digest).cloned();
            let source = LocalSource {
                store: store.clone(),
            };
            let sink = RegistrySink::new(&client, Some(store), tag.clone());
            let options = CopyOptions {
                platform: None,
                concurrency,
            };
            let root = image.root.clone();
            copy_image(&source, &sink, root, &options, events)
                .await
                .map_err(without_request)?;
            let (digest, size) = (
                *image.root.digest().digest(),
                image.root.bytes().len() as u64,
            );
            let tag = tag.map(|tag| tag.to_string()).unwrap_or_default();
            events(TransferEvent::Pushed { tag, digest, size });
            if let Some(known) = store.name(name).map_err(classify)?
                && known.target.digest == digest
            {
                self.remember_digest(&known, &image.root)?;
            }
        }
        Ok(())
    }

    async fn push_name(
        &self,
        name: &NameRecord,
        events: &EventSink,
    ) -> Result<PushOutcome, EngineError> {
        let store = self.store()?;
        let client = self.repository(name.name.repository())?;
        let root = self.pushable_root(name, events).await?;
        let tag = name.name.tag().cloned();
        if self.is_served(&client, name, &root, events).await? {
            return Ok(pushed(name, &root, events));
        }
        let concurrency = self.settings().max_concurrent_uploads.max(1);
        let source = LocalSource {
            store: store.clone(),
        };
        let sink = RegistrySink::new(&client, Some(store), tag);
        let options = CopyOptions {
            platform: None,
            concurrency,
        };
        copy_image(&source, &sink, root.clone(), &options, events)
            .await
            .map_err(without_request)?;
        self.remember_digest(name, &root)?;
        Ok(pushed(name, &root, events))
    }

    /// Whether the registry has this very manifest under this name: one request, and nothing to do.
    async fn is_served(
        &self,
        client: &RepositoryClient,
        name: &NameRecord,
        root: &RawManifest,
        events: &EventSink,
    ) -> Result<bool, EngineError> {
        let served = client.head_manifest(&TagOrDigest::of(&name.name)).await;
        // Who may not read may still be allowed to write: then the push itself finds out.
        let served = served.ok().flatten();
        if served.is_none_or(|served| served.digest != *root.digest().digest()) {
            return Ok(false);
        }
        let image = self
            .store()?
            .resolve(&wharf_oci::ImageQuery::Digest(*name.image.digest()));
        let layers = image.map_err(classify)?.image.layers;
        for progress in [LayerProgress::Preparing, LayerProgress::LayerAlreadyExists] {
            for layer in layers.iter().rev() {
                let (id, progress) = (layer.diff_id.short(), progress.clone());
                events(TransferEvent::Layer { id, progress });
            }
        }
        Ok(true)
    }

    /// The index behind the name if all of it is here, else the one manifest; with layers that a
    /// registry takes.
    async fn pushable_root(
        &self,
        name: &NameRecord,
        events: &EventSink,
    ) -> Result<RawManifest, EngineError> {
        let store = self.store()?;
        if *name.manifest.digest() != name.target.digest {
            let index = read_manifest(store, &name.target)?;
            if let ParsedManifest::Index(parsed) = index.parse().map_err(classify)?
                && is_complete(store, &parsed)?
            {
                return Ok(index);
            }
            events(TransferEvent::Note(format!(
                "Not all multiplatform-content is present and only the available single-platform image was pushed\n\
                 {} -> {}",
                name.target.digest, name.manifest
            )));
        }
        let digest = *name.manifest.digest();
        let bytes = store.blobs().read_document(&digest).map_err(classify)?;
        let raw = RawManifest::new(bytes, None, digest.algorithm()).map_err(classify)?;
        let ParsedManifest::Manifest(manifest) = raw.parse().map_err(classify)? else {
            return Ok(raw);
        };
        // A registry that had the layers plain has its reasons, and the digest is to stay what it is.
        for layer in manifest.layers.iter().filter(|layer| is_plain(layer)) {
            if !store.is_in_a_registry(&layer.digest).map_err(classify)? {
                return self.compressed(name, *manifest, events).await;
            }
        }
        Ok(raw)
    }

    /// A manifest whose plain layers are replaced by compressed ones, which are kept for the next push.
    async fn compressed(
        &self,
        name: &NameRecord,
        mut manifest: Manifest,
        events: &EventSink,
    ) -> Result<RawManifest, EngineError> {
        let store = self.store()?.clone();
        let limits = self.settings().limits.clone();
        let events = Arc::clone(events);
        let image = store.resolve(&wharf_oci::ImageQuery::Digest(*name.image.digest()));
        let diff_ids: Vec<_> = image
            .map_err(classify)?
            .image
            .layers
            .iter()
            .map(|layer| layer.diff_id)
            .collect();
        blocking::run(move || {
            let lease = store.lease("push: compressed layers").map_err(classify)?;
            for (layer, diff_id) in manifest.layers.iter_mut().zip(diff_ids) {
                if is_plain(layer) {
                    let part = LayerPart {
                        descriptor: layer.clone(),
                        diff_id: Some(diff_id),
                    };
                    *layer = compress_layer(&store, &part, &limits, &events)?;
                    lease.protect(&[layer.digest]).map_err(classify)?;
                }
            }
            let raw = RawManifest::from_manifest(&manifest).map_err(classify)?;
            let digest = raw.digest();
            store
                .blobs()
                .put_document(digest.digest(), raw.bytes())
                .map_err(classify)?;
            Ok(raw)
        })
        .await
    }

    /// What was pushed can be named by its digest from now on, as Docker does.
    fn remember_digest(&self, name: &NameRecord, root: &RawManifest) -> Result<(), EngineError> {
        let store = self.store()?;
        let by_digest = name.name.repository().with_digest(*root.digest().digest());
        let named = store.set_name(&by_digest, &root.descriptor(), name.manifest, name.image);
        named.map(drop).map_err(classify)
    }
}

/// That nothing is known to log in with has nothing to do with the request that found it out: Docker names none either.
fn without_request(error: EngineError) -> EngineError {
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(one) = cause {
        let missing = one.downcast_ref::<Box<AuthError>>().map(|error| &**error);
        if let Some(missing @ AuthError::NoBasicCredentials) = missing {
            return failure(error.kind(), missing.to_string());
        }
        cause = one.source();
    }
    error
}

fn no_such_repository(repository: &Repository) -> String {
    let familiar = repository.familiar();
    format!("An image does not exist locally with the tag: {familiar}")
}

fn refers(repository: &Repository, events: &EventSink) {
    let text = format!("The push refers to repository [{repository}]");
    events(TransferEvent::Status(text));
}

fn pushed(name: &NameRecord, root: &RawManifest, events: &EventSink) -> PushOutcome {
    let (digest, size) = (*root.digest().digest(), root.bytes().len() as u64);
    let tag = name.name.tag().map(ToString::to_string).unwrap_or_default();
    events(TransferEvent::Pushed { tag, digest, size });
    PushOutcome {
        reference: name.name.clone(),
        digest,
        size,
    }
}

fn read_manifest(store: &ImageStore, target: &Descriptor) -> Result<RawManifest, EngineError> {
    let bytes = store
        .blobs()
        .read_document(&target.digest)
        .map_err(classify)?;
    RawManifest::new(bytes, Some(&target.media_type), target.digest.algorithm()).map_err(classify)
}

/// Whether every manifest of the index, and all it needs, is in the store.
fn is_complete(store: &ImageStore, index: &Index) -> Result<bool, EngineError> {
    let blobs = store.blobs();
    for child in &index.manifests {
        if blobs.contains(&child.digest).map_err(classify)?.is_none() {
            return Ok(false);
        }
        let ParsedManifest::Manifest(manifest) =
            read_manifest(store, child)?.parse().map_err(classify)?
        else {
            return Ok(false);
        };
        for part in manifest.layers.iter().chain([&manifest.config]) {
            if blobs.contains(&part.digest).map_err(classify)?.is_none() {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn is_plain(layer: &Descriptor) -> bool {
    matches!(
        layer.media_type.as_str(),
        MediaType::DOCKER_LAYER | MediaType::OCI_LAYER
    )
}

/// The gzip form of a plain layer: one that is in the store, or a new one.
fn compress_layer(
    store: &ImageStore,
    layer: &LayerPart,
    limits: &Limits,
    events: &EventSink,
) -> Result<Descriptor, EngineError> {
    let is_oci = layer.descriptor.media_type.as_str() == MediaType::OCI_LAYER;
    let gzip = if is_oci {
        MediaType::OCI_LAYER_GZIP
    } else {
        MediaType::DOCKER_LAYER_GZIP
    };
    if let Some(diff_id) = layer.diff_id {
        let known = store.blobs_of_layer(diff_id).map_err(classify)?;
        if let Some(known) = known
            .into_iter()
            .find(|known| known.media_type.as_str() == gzip)
        {
            return Ok(known);
        }
    }
    let blob = store
        .blobs()
        .open_blob(&layer.descriptor.digest)
        .map_err(classify)?;
    let mut tar = Decompressor::new(io::BufReader::new(blob), limits).map_err(classify)?;
    let spool = store.blobs().spool().map_err(classify)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut target = Compressor::gzip(spool, GZIP_LEVEL, threads).map_err(classify)?;
    let total = layer.descriptor.size;
    let mut buffer = vec![0; 1 << 20];
    let mut current = 0;
    loop {
        let count = io::Read::read(&mut tar, &mut buffer).map_err(classify)?;
        if count == 0 {
            break;
        }
        target
            .write_all(buffer.get(..count).unwrap_or_default())
            .map_err(classify)?;
        current += count as u64;
        let progress = LayerProgress::Compressing { current, total };
        events(TransferEvent::Layer {
            id: layer_id(layer),
            progress,
        });
    }
    let spool = target.finish().map_err(classify)?;
    let sync = store.blobs().group_sync();
    let (digest, size) = spool.publish(store.blobs(), sync).map_err(classify)?;
    let descriptor = Descriptor::new(gzip, digest, size);
    if let Some(diff_id) = layer.diff_id {
        store
            .remember_layer_blob(&descriptor, diff_id)
            .map_err(classify)?;
    }
    Ok(descriptor)
}
