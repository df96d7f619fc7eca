//! `rmi`: names and images go.

use wharf_images::{RemoveEvent, RemoveOptions};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// Removes what `text` means: a name, or an image by its ID. What happened is told in order.
    pub fn remove_image(
        &self,
        text: &str,
        options: RemoveOptions,
    ) -> Result<Vec<RemoveEvent>, EngineError> {
        self.refresh_containers()?;
        self.store()?.remove(text, options).map_err(classify)
    }
}
