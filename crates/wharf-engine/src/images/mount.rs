//! `image mount` and `image unmount`: the union of an image's layers in a folder.

use std::path::Path;

use wharf_images::{MountMode, Mounted};
use wharf_oci::ImageQuery;

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// Shows the image's file tree at `target`, an existing folder.
    pub fn mount_image(
        &self,
        query: &ImageQuery,
        target: &Path,
        mode: &MountMode,
    ) -> Result<Mounted, EngineError> {
        let store = self.store()?;
        let image = store.resolve(query).map_err(classify)?.image;
        store.mount(image.id, target, mode).map_err(classify)
    }

    /// Takes away what [`Engine::mount_image`] put at `target`.
    pub fn unmount_image(&self, target: &Path) -> Result<Mounted, EngineError> {
        self.store()?.unmount(target).map_err(classify)
    }

    /// What is mounted now.
    pub fn mounted_images(&self) -> Result<Vec<Mounted>, EngineError> {
        if self.has_no_store() {
            return Ok(Vec::new());
        }
        self.store_for_reading()?.mounts().map_err(classify)
    }
}
