//! A registry as an end of a copy: the source of a pull, the sink of a push.

use std::cmp::Reverse;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use wharf_blobs::{BlobError, BlobState};
use wharf_images::ImageStore;
use wharf_oci::{Descriptor, Digest, MANIFEST_LIMIT_BYTES, RawManifest, Repository, Tag};
use wharf_registry_client::{
    BlobSource, ClientEvent, MountOutcome, RepositoryClient, TagOrDigest, UploadMode,
};
use wharf_transfer::{
    BlobStream, EndpointError, ErrorKind, EventSink, ImageGraph, ImageParts, ImageSink,
    ImageSource, LayerPart, LayerProgress, LayerTask, ManifestRole, TransferEvent,
};

use crate::blocking;
use crate::error::classify;
use crate::telling::{Manner, Telling};

/// How many repositories are asked for a blob before it is uploaded.
const MOUNT_CANDIDATES: usize = 3;

/// A registry to copy from. Documents that are in the store are not fetched again.
#[derive(Clone)]
pub(crate) struct RegistrySource {
    client: RepositoryClient,
    store: Option<ImageStore>,
    events: EventSink,
}

impl RegistrySource {
    /// Reads from `client`, and documents from `store` where they are there.
    pub(crate) fn with_cache(
        client: &RepositoryClient,
        store: &ImageStore,
        events: &EventSink,
    ) -> Self {
        Self {
            client: client.clone(),
            store: Some(store.clone()),
            events: events.clone(),
        }
    }

    /// Reads everything from `client`.
    pub(crate) fn new(client: &RepositoryClient, events: &EventSink) -> Self {
        Self {
            client: client.clone(),
            store: None,
            events: events.clone(),
        }
    }

    fn cached(&self, digest: &Digest) -> Option<Vec<u8>> {
        // A document that is damaged here is fetched again.
        self.store.as_ref()?.blobs().read_document(digest).ok()
    }
}

impl ImageSource for RegistrySource {
    async fn manifest(&self, target: &Descriptor) -> Result<RawManifest, EndpointError> {
        if let Some(bytes) = self.cached(&target.digest) {
            let algorithm = target.digest.algorithm();
            return RawManifest::new(bytes, Some(&target.media_type), algorithm).map_err(classify);
        }
        let wanted = TagOrDigest::Digest(target.digest);
        self.client.get_manifest(&wanted).await.map_err(classify)
    }

    async fn document(&self, target: &Descriptor) -> Result<Vec<u8>, EndpointError> {
        if let Some(bytes) = self.cached(&target.digest) {
            return Ok(bytes);
        }
        let limit = MANIFEST_LIMIT_BYTES as u64;
        self.client.read_blob(target, limit).await.map_err(classify)
    }

    async fn open_blob(
        &self,
        target: &Descriptor,
        offset: u64,
    ) -> Result<BlobStream, EndpointError> {
        let client = observed(&self.client, &self.events, target.digest.short());
        let opened = client.open_blob(target, offset).await.map_err(classify)?;
        let chunks = stream::try_unfold(opened, |mut blob| async move {
            let chunk = blob.next_chunk().await.map_err(classify)?;
            Ok(chunk.map(|chunk| (chunk, blob)))
        });
        Ok(Box::pin(chunks))
    }
}

/// The client, telling about its retries as about the layer `id`.
fn observed(client: &RepositoryClient, events: &EventSink, id: String) -> RepositoryClient {
    let events = events.clone();
    client.observed_by(Arc::new(move |event| match event {
        ClientEvent::Retrying { delay, reason, .. } => {
            tracing::warn!(layer = %id, reason, "trying again");
            let progress = LayerProgress::RetryingIn(
                delay
                    .as_millis()
                    .div_ceil(1000)
                    .try_into()
                    .unwrap_or(u64::MAX),
            );
            events(TransferEvent::Layer {
                id: id.clone(),
                progress,
            });
        }
        ClientEvent::MirrorFailed { mirror, reason } => {
            tracing::warn!(mirror, reason, "mirror failed");
        }
    }))
}

/// A registry to copy to.
pub(crate) struct RegistrySink {
    client: RepositoryClient,
    /// Knows where else in the registry a blob is.
    store: Option<ImageStore>,
    /// Under which tag the root goes; under its digest if there is none.
    tag: Option<Tag>,
    /// A repository of the same registry that has every blob.
    twin: Option<Repository>,
}

impl RegistrySink {
    /// Writes to `client`; the root gets `tag`.
    pub(crate) fn new(
        client: &RepositoryClient,
        store: Option<&ImageStore>,
        tag: Option<Tag>,
    ) -> Self {
        Self {
            client: client.clone(),
            store: store.cloned(),
            tag,
            twin: None,
        }
    }

    /// The same sink, for what comes out of `repository`: if it is of the same registry, blobs are mounted.
    pub(crate) fn fed_from(mut self, repository: &Repository) -> Self {
        let same = repository.domain() == self.client.name().domain();
        self.twin = same.then(|| repository.clone());
        self
    }

    async fn send_layer<S: ImageSource>(
        &self,
        task: &LayerTask<'_, S>,
        tell: &(dyn Fn(LayerProgress) + Send + Sync),
    ) -> Result<(), EndpointError> {
        let descriptor = &task.layer.descriptor;
        let client = observed(&self.client, task.events, layer_id(task.layer));
        if client
            .blob_exists(&descriptor.digest)
            .await
            .map_err(classify)?
            .is_some()
        {
            tell(LayerProgress::LayerAlreadyExists);
            return Ok(());
        }
        let mut session = None;
        for from in self.candidates(&descriptor.digest)? {
            match client
                .mount_blob(&descriptor.digest, &from)
                .await
                .map_err(classify)?
            {
                MountOutcome::Mounted => {
                    tell(LayerProgress::MountedFrom(from));
                    return Ok(());
                }
                MountOutcome::Upload(begun) => session = Some(*begun),
            }
        }
        let session = match session {
            Some(session) => session,
            None => client.start_upload().await.map_err(classify)?,
        };
        let source = OutgoingBlob {
            source: task.source.clone(),
            descriptor: descriptor.clone(),
            telling: Arc::new(Telling::new(
                task.events,
                layer_id(task.layer),
                Manner::Push,
            )),
        };
        session
            .send(descriptor, Arc::new(source), UploadMode::Whole)
            .await
            .map_err(classify)?;
        tell(LayerProgress::Pushed);
        Ok(())
    }

    fn candidates(&self, digest: &Digest) -> Result<Vec<Repository>, EndpointError> {
        if let Some(twin) = &self.twin {
            return Ok(vec![twin.clone()]);
        }
        let Some(store) = &self.store else {
            return Ok(Vec::new());
        };
        let own = self.client.name();
        let mut known = store.origins(digest, own.domain()).map_err(classify)?;
        known.retain(|repository| repository != own);
        // As Docker does: who may write to `team/web` can most likely read what else is in `team`.
        known.sort_by_key(|repository| Reverse(shared_components(repository.path(), own.path())));
        known.truncate(MOUNT_CANDIDATES);
        Ok(known)
    }
}

/// How many components two paths of repositories have in common before they part.
fn shared_components(one: &str, other: &str) -> usize {
    let pairs = one.split('/').zip(other.split('/'));
    pairs.take_while(|(one, other)| one == other).count()
}

/// Docker shows pushed layers by their diff ID.
pub(crate) fn layer_id(layer: &LayerPart) -> String {
    layer.diff_id.map_or_else(
        || layer.descriptor.digest.short(),
        |diff_id| diff_id.short(),
    )
}

impl ImageSink for RegistrySink {
    async fn announce(
        &self,
        _graph: &ImageGraph,
        layers: &[LayerPart],
        events: &EventSink,
    ) -> Result<(), EndpointError> {
        // The top layer first, as Docker does.
        for layer in layers.iter().rev() {
            let progress = LayerProgress::Preparing;
            events(TransferEvent::Layer {
                id: layer_id(layer),
                progress,
            });
        }
        Ok(())
    }

    async fn put_layer<S: ImageSource>(&self, task: LayerTask<'_, S>) -> Result<(), EndpointError> {
        if task.layer.is_foreign() {
            return Ok(());
        }
        let id = layer_id(task.layer);
        let tell = |progress| {
            (task.events)(TransferEvent::Layer {
                id: id.clone(),
                progress,
            });
        };
        if let Err(error) = self.send_layer(&task, &tell).await {
            return Err(self.blame(task.layer.descriptor.digest, error).await);
        }
        if let Some(store) = &self.store {
            let blobs = [task.layer.descriptor.digest];
            store
                .remember_origins(self.client.name(), &blobs)
                .map_err(classify)?;
        }
        Ok(())
    }

    async fn put_image(&self, parts: &ImageParts, role: ManifestRole) -> Result<(), EndpointError> {
        let config = &parts.config;
        if self
            .client
            .blob_exists(&config.digest)
            .await
            .map_err(classify)?
            .is_none()
        {
            let bytes = Arc::new(Bytes::from(parts.config_bytes.clone()));
            self.client
                .upload_blob(config, bytes)
                .await
                .map_err(classify)?;
        }
        match role {
            ManifestRole::Root => self.put_root(&parts.manifest).await,
            ManifestRole::Child => {
                let digest = TagOrDigest::Digest(*parts.manifest.digest().digest());
                self.client
                    .put_manifest(&digest, &parts.manifest)
                    .await
                    .map_err(classify)?;
                Ok(())
            }
        }
    }

    async fn put_index(&self, index: &RawManifest) -> Result<(), EndpointError> {
        self.put_root(index).await
    }
}

impl RegistrySink {
    /// A registry only says that the bytes are not those of the digest. Whether the disk has damaged them is looked up when
    /// an upload has failed, so that those that succeed are not hashed for it.
    async fn blame(&self, blob: Digest, error: EndpointError) -> EndpointError {
        let is_refused = matches!(error.kind(), ErrorKind::Unauthorized | ErrorKind::Denied);
        let Some(store) = self.store.clone().filter(|_| !is_refused) else {
            return error;
        };
        let state = blocking::run(move || store.blobs().verify(&blob).map_err(classify)).await;
        match state {
            Ok(BlobState::Corrupt { actual }) => classify(BlobError::Corrupt {
                expected: blob,
                actual,
            }),
            Ok(BlobState::Missing) => classify(BlobError::NotFound(blob)),
            Ok(BlobState::Good { .. }) | Err(_) => error,
        }
    }

    async fn put_root(&self, root: &RawManifest) -> Result<(), EndpointError> {
        let digest = *root.digest().digest();
        let name = match &self.tag {
            Some(tag) => TagOrDigest::Tag(tag.clone()),
            None => TagOrDigest::Digest(digest),
        };
        self.client
            .put_manifest(&name, root)
            .await
            .map_err(classify)?;
        Ok(())
    }
}

/// A blob on its way out: every chunk that leaves is told.
struct OutgoingBlob<S> {
    source: S,
    descriptor: Descriptor,
    telling: Arc<Telling>,
}

impl<S: ImageSource> BlobSource for OutgoingBlob<S> {
    fn chunks(&self, offset: u64) -> BoxStream<'static, io::Result<Bytes>> {
        let (source, descriptor) = (self.source.clone(), self.descriptor.clone());
        let (telling, total) = (self.telling.clone(), self.descriptor.size);
        let opened = async move { source.open_blob(&descriptor, offset).await };
        let mut sent = offset;
        let chunks = stream::once(opened).try_flatten().map(move |chunk| {
            let chunk = chunk.map_err(io::Error::other)?;
            sent += chunk.len() as u64;
            telling.amount(sent, total);
            Ok(chunk)
        });
        Box::pin(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::shared_components;

    #[test]
    fn likeness_of_repositories() {
        for (one, other, expected) in [
            ("team/web", "team/api", 1),
            ("team/web", "team/web", 2),
            ("team/web", "teams/web", 0),
            ("a/b/c", "a/b", 2),
        ] {
            assert_eq!(shared_components(one, other), expected, "{one} {other}");
        }
    }
}
