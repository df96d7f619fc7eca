//! What ADD takes from elsewhere. Sockets and programs are not this crate's: whoever builds gives them.

use std::sync::Arc;

use wharf_images::NewBuildEntry;
use wharf_layers::Timestamp;
use wharf_oci::Digest;

use crate::tree::{FileTree, SharedFile};

/// Gets what ADD names.
pub trait RemoteSources: Send + Sync {
    /// A file of a web server. `checksum` is the digest that it must have, where somebody says it; whoever asks compares.
    ///
    /// # Errors
    /// If it cannot be had.
    fn fetch(&self, url: &str, checksum: Option<&str>) -> Result<Fetched, RemoteError>;

    /// The files of a git repository, as `ADD` writes it: address, and perhaps `#ref:folder`.
    ///
    /// # Errors
    /// If it cannot be had, or is not the commit that is wanted.
    fn git(
        &self,
        address: &str,
        keep_git_dir: bool,
        checksum: Option<&str>,
    ) -> Result<Arc<dyn FileTree>, RemoteError>;

    /// What a cache from elsewhere has under a key. Its layer is in the store and under the build's lease then.
    ///
    /// # Errors
    /// If it has something, and that cannot be had or is not what it should be.
    fn imported(&self, _key: &Digest) -> Result<Option<NewBuildEntry>, RemoteError> {
        Ok(None)
    }

    /// Whether a cache from elsewhere has something of this shape.
    fn imports_shape(&self, _shape: &Digest) -> bool {
        false
    }
}

/// A file of a web server.
#[derive(Debug)]
pub struct Fetched {
    /// Where it lies now.
    pub file: SharedFile,
    /// Its length in bytes.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// When it was changed last, if the server says so.
    pub modified: Option<Timestamp>,
}

/// Something from elsewhere cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RemoteError(pub String);
