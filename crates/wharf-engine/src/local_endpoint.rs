//! This machine's store as an end of a copy: the sink of a pull, the source of a push.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;
use futures_util::stream;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use wharf_images::{ImageStore, LayerRecord, Lease};
use wharf_layers::Limits;
use wharf_oci::{
    Descriptor, Digest, ImageQuery, Platform, PlatformMatcher, RawManifest, Reference,
};
use wharf_transfer::{
    BlobStream, EndpointError, ErrorKind, EventSink, ImageGraph, ImageParts, ImageSink,
    ImageSource, LayerPart, LayerProgress, LayerTask, ManifestRole, TransferEvent,
};

use crate::blocking::{self, Feeder};
use crate::error::{classify, failure, wrong_platform};
use crate::intake::{IntakeFailure, LayerIntake};
use crate::telling::{Manner, Telling};

/// How much of a blob is read at once on its way out.
const CHUNK_BYTES: usize = 512 << 10;

/// The store as the sink of one pull.
pub(crate) struct LocalSink {
    store: ImageStore,
    lease: Lease,
    limits: Limits,
    concurrency: usize,
    wanted: Option<(Reference, Platform)>,
    present: Mutex<HashSet<Digest>>,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "{0} is not an image: its config has media type {1}; `wharf` pulls images, other artifacts need the tool that made them"
)]
struct NotAnImage(Digest, String);

impl LocalSink {
    /// A sink whose content is kept by `lease` until the image is recorded.
    pub(crate) fn new(
        store: &ImageStore,
        lease: Lease,
        limits: &Limits,
        concurrency: usize,
    ) -> Self {
        Self {
            wanted: None,
            store: store.clone(),
            lease,
            limits: limits.clone(),
            concurrency,
            present: Mutex::default(),
        }
    }

    /// Refuses an image for another platform than `wanted`.
    pub(crate) fn only_for(mut self, reference: &Reference, wanted: Option<&Platform>) -> Self {
        self.wanted = wanted.map(|platform| (reference.clone(), platform.clone()));
        self
    }

    /// Keeps what came in until the image is recorded.
    pub(crate) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// A single manifest may be for another platform than was asked for. The text is Docker's.
    fn check_platform(&self, graph: &ImageGraph) -> Result<(), EndpointError> {
        let Some((reference, wanted)) = &self.wanted else {
            return Ok(());
        };
        let matcher = PlatformMatcher::only(wanted);
        for image in graph.images.iter().filter_map(|parts| parts.image.as_ref()) {
            let actual = image.platform();
            if !actual.os.is_empty() && matcher.rank(&actual).is_none() {
                return Err(wrong_platform(&reference.familiar(), &actual, wanted));
            }
        }
        Ok(())
    }

    fn is_here(&self, layer: &LayerPart) -> Result<bool, EndpointError> {
        let blob = self
            .store
            .blobs()
            .contains(&layer.descriptor.digest)
            .map_err(classify)?;
        let tree = match layer.diff_id {
            Some(diff_id) => self.store.layer(diff_id).map_err(classify)?.is_some(),
            None => true,
        };
        Ok(blob.is_some() && tree)
    }

    /// Whether every image of `graph` is recorded here.
    fn is_known(&self, graph: &ImageGraph) -> bool {
        graph.images.iter().all(|parts| {
            let query = ImageQuery::Digest(parts.config.digest);
            self.store.resolve(&query).is_ok()
        })
    }

    /// Keeps everything of the image from being collected, before anyone looks whether it is there.
    fn protect(&self, graph: &ImageGraph) -> Result<(), EndpointError> {
        let mut digests = vec![*graph.root.digest().digest()];
        for image in &graph.images {
            digests.extend([*image.manifest.digest().digest(), image.config.digest]);
            for layer in &image.layers {
                digests.push(layer.descriptor.digest);
                digests.extend(layer.diff_id.map(|diff_id| *diff_id.digest()));
            }
        }
        self.lease.protect(&digests).map_err(classify)
    }
}

impl ImageSink for LocalSink {
    async fn announce(
        &self,
        graph: &ImageGraph,
        layers: &[LayerPart],
        events: &EventSink,
    ) -> Result<(), EndpointError> {
        if let Some(other) = graph.images.iter().find(|image| image.image.is_none()) {
            let media_type = other.config.media_type.to_string();
            let cause = NotAnImage(*other.manifest.digest().digest(), media_type);
            return Err(EndpointError::new(ErrorKind::Invalid, cause));
        }
        self.check_platform(graph)?;
        self.protect(graph)?;
        let mut present = HashSet::new();
        for layer in layers {
            if self.is_here(layer)? {
                present.insert(layer.descriptor.digest);
            }
        }
        // An image that is here whole only gets another name: Docker says nothing of its layers.
        if present.len() == layers.len() && self.is_known(graph) {
            *self.present.lock().unwrap_or_else(PoisonError::into_inner) = present;
            return Ok(());
        }
        let mut waiting = Vec::new();
        for layer in layers {
            let digest = &layer.descriptor.digest;
            if present.contains(digest) {
                events(TransferEvent::layer(digest, LayerProgress::AlreadyExists));
            } else {
                waiting.push(digest);
                events(TransferEvent::layer(digest, LayerProgress::PullingFsLayer));
            }
        }
        for digest in waiting.into_iter().skip(self.concurrency) {
            events(TransferEvent::layer(digest, LayerProgress::Waiting));
        }
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = present;
        Ok(())
    }

    async fn put_layer<S: ImageSource>(&self, task: LayerTask<'_, S>) -> Result<(), EndpointError> {
        let digest = task.layer.descriptor.digest;
        if self
            .present
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&digest)
        {
            return Ok(());
        }
        match self.take_layer(&task).await? {
            Err(failure) if failure.built_on_leftovers => {
                tracing::warn!(layer = %digest.short(), "what was left of an earlier attempt is wrong, beginning again");
                Ok(self.take_layer(&task).await??)
            }
            taken => Ok(taken?),
        }
    }

    /// Only the documents: the image is recorded together with its names.
    async fn put_image(
        &self,
        parts: &ImageParts,
        _role: ManifestRole,
    ) -> Result<(), EndpointError> {
        let (store, parts) = (&self.store, parts.clone());
        if parts.image.is_none() {
            let text = format!("{} is not an image", parts.manifest.digest());
            return Err(failure(ErrorKind::Invalid, text));
        }
        let blobs = store.blobs();
        blobs
            .put_document(&parts.config.digest, &parts.config_bytes)
            .map_err(classify)?;
        let manifest = &parts.manifest;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        Ok(())
    }

    async fn put_index(&self, index: &RawManifest) -> Result<(), EndpointError> {
        let blobs = self.store.blobs();
        blobs
            .put_document(index.digest().digest(), index.bytes())
            .map_err(classify)
    }
}

impl LocalSink {
    async fn take_layer<S: ImageSource>(
        &self,
        task: &LayerTask<'_, S>,
    ) -> Result<Result<(), IntakeFailure>, EndpointError> {
        let (feeder, mut feed) = blocking::feed();
        let (store, limits) = (self.store.clone(), self.limits.clone());
        let (descriptor, diff_id) = (task.layer.descriptor.clone(), task.layer.diff_id);
        let telling = Telling::new(task.events, descriptor.digest.short(), Manner::Pull);
        let intake = blocking::run(move || {
            let intake = LayerIntake {
                store: &store,
                descriptor: &descriptor,
                diff_id,
                limits: &limits,
                telling: &telling,
            };
            Ok(intake.run(&mut feed).map(|_cost| telling.complete()))
        });
        let (taken, ()) = tokio::join!(intake, pump(feeder, task.source, &task.layer.descriptor));
        taken
    }
}

/// The layers with what they unpacked to, as the records want them.
pub(crate) fn recorded_layers(
    store: &ImageStore,
    layers: &[LayerPart],
) -> Result<Vec<(Descriptor, LayerRecord)>, EndpointError> {
    let mut recorded = Vec::with_capacity(layers.len());
    for layer in layers {
        let diff_id = layer.diff_id.ok_or_else(|| {
            let text = format!("layer {} has no diff ID", layer.descriptor.digest);
            failure(ErrorKind::Invalid, text)
        })?;
        let found = store.layer(diff_id).map_err(classify)?;
        let record = found.ok_or_else(|| {
            let text = format!("layer {diff_id} has gone while the image was taken in");
            failure(ErrorKind::Internal, text)
        })?;
        recorded.push((layer.descriptor.clone(), record));
    }
    Ok(recorded)
}

/// Passes the blob's chunks from the socket to the thread that asked for them.
async fn pump<S: ImageSource>(feeder: Feeder, source: &S, descriptor: &Descriptor) {
    use futures_util::StreamExt as _;
    // Nothing asked for: the blob is here already, or its thread has failed.
    let Ok(offset) = feeder.offset.await else {
        return;
    };
    let mut chunks = match source.open_blob(descriptor, offset).await {
        Ok(chunks) => chunks,
        Err(error) => {
            let _thread_may_be_gone = feeder.chunks.send(Err(error)).await;
            return;
        }
    };
    while let Some(chunk) = chunks.next().await {
        if feeder.chunks.send(chunk).await.is_err() {
            return;
        }
    }
}

/// The store as the source of a push.
#[derive(Clone)]
pub(crate) struct LocalSource {
    pub(crate) store: ImageStore,
}

impl ImageSource for LocalSource {
    async fn manifest(&self, target: &Descriptor) -> Result<RawManifest, EndpointError> {
        let bytes = self.document(target).await?;
        RawManifest::new(bytes, Some(&target.media_type), target.digest.algorithm())
            .map_err(classify)
    }

    async fn document(&self, target: &Descriptor) -> Result<Vec<u8>, EndpointError> {
        self.store
            .blobs()
            .read_document(&target.digest)
            .map_err(classify)
    }

    async fn open_blob(
        &self,
        target: &Descriptor,
        offset: u64,
    ) -> Result<BlobStream, EndpointError> {
        let path = self.store.blobs().path(&target.digest);
        let mut file = tokio::fs::File::open(&path).await.map_err(classify)?;
        file.set_max_buf_size(CHUNK_BYTES);
        file.seek(std::io::SeekFrom::Start(offset))
            .await
            .map_err(classify)?;
        let chunks = stream::try_unfold(file, |mut file| async move {
            let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
            let count = file.read_buf(&mut chunk).await.map_err(classify)?;
            Ok((count > 0).then(|| (chunk.freeze(), file)))
        });
        Ok(Box::pin(chunks))
    }
}
