//! `--sbom`: which packages the files of a result hold.

use std::io::{self, Read as _};

use serde_json::Value;
use wharf_build::tree::{FileTree, LayersTree, Lookup as _, NodeKind, TreeError, resolve};
use wharf_images::ImageStore;
use wharf_scanner::{
    FilesError, ImageFiles, SPDX_PREDICATE, SpdxSubject, inventory, spdx_document,
};
use wharf_transfer::ErrorKind;

use super::assemble::BuiltPlatform;
use super::image_target::ImageTarget;
use crate::error::{EngineError, classify, failure};

/// Who reads the databases.
const TOOL: &str = concat!("wharf-", env!("CARGO_PKG_VERSION"));

/// The type of the predicate, and an SPDX document.
pub(super) fn contents(
    store: &ImageStore,
    one: &BuiltPlatform,
    images: &[ImageTarget],
) -> Result<(&'static str, Value), EngineError> {
    let tree = LayersTree::open(store, one.built.config.diff_ids()).map_err(classify)?;
    let found = inventory(&TreeFiles { tree })
        .map_err(|error| failure(ErrorKind::Internal, error.to_string()))?;
    let name = images.iter().find_map(|image| image.names.first());
    let name = name.map_or_else(|| "image".to_owned(), wharf_oci::Reference::familiar);
    let created = one.built.times.of_build().to_string();
    let subject = SpdxSubject {
        name: &name,
        created: &created,
        tool: TOOL,
    };
    Ok((SPDX_PREDICATE, spdx_document(subject, &found)))
}

/// The layers of an image as the scanner asks for them.
struct TreeFiles {
    tree: LayersTree,
}

impl TreeFiles {
    /// The path without links: `etc/os-release` is one in most images. Links that run in circles lead to nothing.
    fn resolved(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        match resolve(&self.tree, path.as_bytes(), true) {
            Ok(found) => Ok(Some(found)),
            Err(TreeError::Links { .. }) => Ok(None),
            Err(error) => Err(failed(path, error)),
        }
    }
}

fn failed(path: &str, error: impl std::error::Error + Send + Sync + 'static) -> FilesError {
    FilesError::Io {
        path: path.to_owned(),
        source: io::Error::other(error),
    }
}

impl ImageFiles for TreeFiles {
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FilesError> {
        let Some(at) = self.resolved(path)? else {
            return Ok(None);
        };
        let node = self.tree.node(&at).map_err(|error| failed(path, error))?;
        if node.is_none_or(|node| node.kind != NodeKind::File) {
            return Ok(None);
        }
        let opened = self.tree.open(&at).map_err(|error| failed(path, error))?;
        let mut bytes = Vec::new();
        let read = opened.content.take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(path, error))?;
        if bytes.len() as u64 > limit {
            let path = path.to_owned();
            return Err(FilesError::TooLarge { path, limit });
        }
        Ok(Some(bytes))
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let Some(at) = self.resolved(folder)? else {
            return Ok(Vec::new());
        };
        let node = self.tree.node(&at).map_err(|error| failed(folder, error))?;
        if node.is_none_or(|node| !node.is_directory()) {
            return Ok(Vec::new());
        }
        let children = self
            .tree
            .children(&at)
            .map_err(|error| failed(folder, error))?;
        let names = children.into_iter();
        Ok(names
            .map(|(name, _)| String::from_utf8_lossy(&name).into_owned())
            .collect())
    }
}
