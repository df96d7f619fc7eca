//! What ADD takes from web servers: the build asks from its thread, the answer is made beside the sockets.

use std::io::Write as _;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use wharf_build::builder::{Fetched, RemoteError, RemoteSources};
use wharf_build::tree::{FileTree, SharedFile};
use wharf_images::ImageStore;
use wharf_oci::{Algorithm, Hasher};

use super::git::git_tree;
use crate::engine::Engine;
use crate::error::{EngineError, classify, with_causes};

/// What a build's thread asks for.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) url: String,
    answer: oneshot::Sender<Result<Fetched, String>>,
}

/// The thread's side.
#[derive(Debug)]
pub(super) struct Asking {
    wishes: mpsc::Sender<Wish>,
    store: ImageStore,
}

/// Both sides.
pub(super) fn asking(store: &ImageStore) -> (Asking, mpsc::Receiver<Wish>) {
    let (wishes, receiver) = mpsc::channel(1);
    let store = store.clone();
    (Asking { wishes, store }, receiver)
}

impl RemoteSources for Asking {
    fn fetch(&self, url: &str) -> Result<Fetched, RemoteError> {
        let (answer, receiver) = oneshot::channel();
        let wish = Wish {
            url: url.to_owned(),
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
        git_tree(address, keep_git_dir, checksum, &self.store)
            .map_err(|error| RemoteError(with_causes(&error)))
    }
}

impl Engine {
    /// Answers one wish.
    pub(super) async fn grant(&self, wish: Wish) {
        let fetched = self.fetched(&wish.url).await;
        let fetched = fetched.map_err(|error| format!("{}: {}", wish.url, with_causes(&error)));
        // whoever asked may have gone
        let _gone = wish.answer.send(fetched);
    }

    pub(super) async fn fetched(&self, url: &str) -> Result<Fetched, EngineError> {
        let mut download = self.client()?.download(url).await.map_err(classify)?;
        let mut scratch = self.store()?.blobs().scratch().map_err(classify)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut size = 0;
        while let Some(chunk) = download.next_chunk().await.map_err(classify)? {
            hasher.update(&chunk);
            scratch.write_all(&chunk).map_err(classify)?;
            size += chunk.len() as u64;
        }
        let file = scratch.reopen().map_err(classify)?;
        Ok(Fetched {
            file: SharedFile::new(file, scratch),
            size,
            digest: hasher.finish(),
            modified: None,
        })
    }
}
