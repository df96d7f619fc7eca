//! What ADD takes from web servers: the build asks from its thread, the answer is made beside the sockets.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use wharf_blobs::Spool;
use wharf_build::builder::{Cancellation, Fetched, RemoteError, RemoteSources};
use wharf_build::tree::FileTree;
use wharf_images::{ImageStore, Lease, NewBuildEntry};
use wharf_layers::Limits;
use wharf_oci::{Descriptor, Digest};

use super::cache_import::{CacheSource, ImportedCaches, take_layer};
use super::git::git_tree;
use crate::engine::Engine;
use crate::error::with_causes;

/// What a build's thread asks for.
#[derive(Debug)]
pub(super) enum Wish {
    /// A file of a web server.
    File {
        /// Its address.
        url: String,
        /// The digest that it must have, where somebody says it.
        checksum: Option<String>,
        /// Whether what was fetched before does not count.
        fresh: bool,
        /// Whom to tell.
        answer: oneshot::Sender<Result<Fetched, String>>,
    },
    /// A layer of a cache.
    Layer {
        /// Where the cache is.
        source: CacheSource,
        /// The layer's archive.
        blob: Box<Descriptor>,
        /// Whom to tell.
        answer: oneshot::Sender<Result<Spool, String>>,
    },
}

/// The thread's side.
#[derive(Debug)]
pub(super) struct Asking {
    wishes: mpsc::Sender<Wish>,
    store: ImageStore,
    lease: Arc<Lease>,
    caches: Arc<ImportedCaches>,
    limits: Limits,
    cancellation: Arc<Cancellation>,
    /// `--no-cache`.
    fresh: bool,
}

/// Both sides.
pub(super) fn asking(
    store: &ImageStore,
    lease: &Arc<Lease>,
    caches: &Arc<ImportedCaches>,
    limits: &Limits,
    cancellation: &Arc<Cancellation>,
    fresh: bool,
) -> (Asking, mpsc::Receiver<Wish>) {
    let (wishes, receiver) = mpsc::channel(1);
    let asking = Asking {
        wishes,
        store: store.clone(),
        lease: Arc::clone(lease),
        caches: Arc::clone(caches),
        limits: limits.clone(),
        cancellation: Arc::clone(cancellation),
        fresh,
    };
    (asking, receiver)
}

impl RemoteSources for Asking {
    fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Fetched, RemoteError> {
        let (answer, receiver) = oneshot::channel();
        let wish = Wish::File {
            url: url.to_owned(),
            checksum: checksum.map(str::to_owned),
            fresh: self.fresh,
            answer,
        };
        let gone = || RemoteError(format!("{url}: the build was given up"));
        self.wishes.blocking_send(wish).map_err(|_closed| gone())?;
        let answered = receiver.blocking_recv().map_err(|_closed| gone())?;
        answered.map_err(RemoteError)
    }

    fn git(
        &self,
        address: &str,
        keep_git_dir: bool,
        checksum: Option<&str>,
    ) -> Result<Arc<dyn FileTree>, RemoteError> {
        git_tree(
            address,
            keep_git_dir,
            checksum,
            &self.store,
            &self.cancellation,
        )
        .map_err(|error| RemoteError(with_causes(&error)))
    }

    fn imported(&self, key: &Digest) -> Result<Option<NewBuildEntry>, RemoteError> {
        let Some((number, record)) = self.caches.records.find(key) else {
            return Ok(None);
        };
        let Some(source) = self.caches.sources.get(*number) else {
            return Ok(None);
        };
        let failed = |cause: String| RemoteError(format!("{source}: {cause}"));
        let is_here = self.store.blobs().contains(&record.blob.digest);
        let known = self.store.blobs_of_layer(record.diff_id());
        let is_here = is_here.is_ok_and(|size| size.is_some())
            && known.is_ok_and(|known| known.iter().any(|blob| blob.digest == record.blob.digest));
        if !is_here {
            let (answer, receiver) = oneshot::channel();
            let wish = Wish::Layer {
                source: source.clone(),
                blob: Box::new(record.blob.clone()),
                answer,
            };
            let gone = || failed("the build was given up".to_owned());
            self.wishes.blocking_send(wish).map_err(|_closed| gone())?;
            let spool = receiver.blocking_recv().map_err(|_closed| gone())?;
            let spool = spool.map_err(failed)?;
            take_layer(spool, record, &self.store, &self.lease, &self.limits)
                .map_err(|error| failed(with_causes(&error)))?;
        }
        Ok(Some(record.entry()))
    }

    fn imports_shape(&self, shape: &Digest) -> bool {
        self.caches.records.has_shape(shape)
    }
}

impl Engine {
    /// Answers one wish.
    pub(super) async fn grant(&self, wish: Wish) {
        // whoever asked may have gone
        match wish {
            Wish::File {
                url,
                checksum,
                fresh,
                answer,
            } => {
                let fetched = self.fetched_again(&url, checksum.as_deref(), fresh).await;
                let fetched = fetched.map_err(|error| format!("{url}: {}", with_causes(&error)));
                let _gone = answer.send(fetched);
            }
            Wish::Layer {
                source,
                blob,
                answer,
            } => {
                let layer = self.cached_layer(&source, &blob).await;
                let _gone = answer.send(layer.map_err(|error| with_causes(&error)));
            }
        }
    }
}
