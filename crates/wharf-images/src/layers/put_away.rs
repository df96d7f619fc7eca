//! Taking folders out of the way, and deleting them under no lock.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{LayerError, io_error};
use crate::store::Shared;

impl Shared {
    /// Moves a folder or file to `removing/`, to be deleted later; where it is then, if it was there.
    pub(crate) fn put_away(&self, path: &Path) -> Result<Option<PathBuf>, LayerError> {
        let removing = self.removing();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Another process may put away a folder of the same name at the same time.
        for attempt in 0_u32.. {
            let place = removing.join(format!("{name}.{}.{attempt}", std::process::id()));
            match std::fs::rename(path, &place) {
                Ok(()) => return Ok(Some(place)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                    ) => {}
                Err(error) => return Err(io_error(path)(error)),
            }
        }
        Ok(None)
    }

    /// Deletes a folder, if it is there, so that it is gone from its place at once.
    pub(super) fn delete_tree(&self, path: &Path) -> Result<(), LayerError> {
        let put_away = self.put_away(path)?;
        put_away.map_or(Ok(()), |tree| remove_tree(&tree))
    }

    /// Deletes what is in `removing/`, also what another process left there.
    pub(crate) fn empty_removing(&self) -> Result<(), LayerError> {
        let removing = self.removing();
        for entry in std::fs::read_dir(&removing).map_err(io_error(&removing))? {
            let path = entry.map_err(io_error(&removing))?.path();
            delete_put_away(&path)?;
        }
        Ok(())
    }
}

/// Deletes what [`Shared::put_away`] has put away. Another process, which empties `removing/`, may
/// have been faster.
pub(crate) fn delete_put_away(path: &Path) -> Result<(), LayerError> {
    remove_tree(path)
}

pub(super) fn remove_tree(path: &Path) -> Result<(), LayerError> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let removed = File::open(parent).and_then(|parent| wharf_layers::remove_tree(parent, name));
    removed.map_err(io_error(path))
}
