//! Git repositories as contexts, by the program `git`.

use std::sync::Arc;

use wharf_build::tree::FileTree;
use wharf_images::ImageStore;
use wharf_transfer::ErrorKind;

use crate::error::{EngineError, failure};

/// The files of a repository: `address#ref:folder`.
pub(super) fn git_tree(
    address: &str,
    _keep_git_dir: bool,
    _checksum: Option<&str>,
    _store: &ImageStore,
) -> Result<Arc<dyn FileTree>, EngineError> {
    let text = format!("{address}: git repositories are not there yet: clone it first");
    Err(failure(ErrorKind::Invalid, text))
}
