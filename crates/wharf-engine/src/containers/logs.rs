//! `logs`: where a container's output is.

use std::path::PathBuf;

use wharf_runtime::LogOrder;

use super::record::Container;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// The newest file of a container's output, and how many there are at most; `None` where none is kept.
    pub fn container_log(
        &self,
        container: &Container,
    ) -> Result<Option<(PathBuf, u32)>, EngineError> {
        let path = self.container_folder(&container.record.id).log();
        match super::spec::log_order(&container.record.host_config, &path)? {
            LogOrder::None => Ok(None),
            LogOrder::JsonFile {
                path, max_files, ..
            } => Ok(Some((path, max_files))),
        }
    }
}
