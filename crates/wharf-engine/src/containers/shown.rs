//! What lists say of a container beside its own record: its image's name, and sizes.

use wharf_oci::{ImageQuery, Platform};
use wharf_transfer::ErrorKind;

use super::record::Container;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// The name that the container was made with, while that still means its image; the image's ID otherwise.
    pub fn shown_image(&self, container: &Container, short: bool) -> Result<String, EngineError> {
        let record = &container.record;
        let id = || {
            if short {
                record.image.short()
            } else {
                record.image.to_string()
            }
        };
        let Ok(query) = ImageQuery::parse(&record.config.image) else {
            return Ok(id());
        };
        match self.store_for_reading()?.resolve(&query) {
            Ok(found) if found.image.id == record.image => Ok(record.config.image.clone()),
            Ok(_) | Err(wharf_images::ResolveError::NotFound { .. }) => Ok(id()),
            Err(error) => Err(classify(error)),
        }
    }

    /// The platform that its image is for.
    pub fn container_platform(&self, container: &Container) -> Result<Platform, EngineError> {
        let query = ImageQuery::parse(&container.record.image.to_string()).map_err(classify)?;
        let found = self.store_for_reading()?.resolve(&query);
        let image = found.map_err(classify)?.image;
        Ok(self.config(&image)?.platform())
    }

    /// Bytes that the container has written, and those together with its image's.
    pub fn container_sizes(&self, container: &Container) -> Result<(u64, u64), EngineError> {
        let written = self.written_bytes(&container.record.id)?;
        let query = ImageQuery::parse(&container.record.image.to_string()).map_err(classify)?;
        match self.store_for_reading()?.resolve(&query).map_err(classify) {
            Ok(found) => Ok((written, written + found.image.size)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((written, written)),
            Err(error) => Err(error),
        }
    }
}
