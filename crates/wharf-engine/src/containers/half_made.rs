//! Containers that were being made or removed when somebody killed who did it.
//!
//! Whoever makes or removes a container holds a lock together with all others who do. Who gets it alone knows that nobody is at work,
//! and that whatever is half there stays so: records without a file, folders without a record.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::record::RECORD_FILE;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Held by whoever makes or removes containers, until it is dropped.
#[derive(Debug)]
pub(super) struct AtWork {
    _lock: File,
}

impl Engine {
    /// Begins to make or remove a container.
    pub(super) fn begin_work(&self) -> Result<AtWork, EngineError> {
        let lock = self.work_lock().map_err(classify)?;
        rustix::io::retry_on_intr(|| flock(&lock, FlockOperation::LockShared))
            .map_err(|error| classify(io::Error::from(error)))?;
        Ok(AtWork { _lock: lock })
    }

    /// Removes what dead processes left half made or half removed, unless somebody is at work.
    pub(crate) fn sweep_half_made(&self) -> Result<(), EngineError> {
        if !self.containers_folder().exists() {
            return Ok(());
        }
        let lock = self.work_lock().map_err(classify)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(Errno::WOULDBLOCK) => return Ok(()),
            Err(error) => return Err(classify(io::Error::from(error))),
        }
        let mut known = BTreeSet::new();
        for (_, user) in self.container_users()? {
            let file = self.container_folder(&user.id).path().join(RECORD_FILE);
            if file.exists() {
                known.insert(user.id);
            } else {
                tracing::info!(container = user.id, "a half made container is removed");
                self.forget_at_work(&user.id)?;
            }
        }
        let entries = std::fs::read_dir(self.containers_folder()).map_err(classify)?;
        for entry in entries.flatten() {
            let id = entry.file_name().to_string_lossy().into_owned();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !known.contains(&id) {
                tracing::info!(container = id, "what is left of a container is removed");
                self.remove_container_folder(&id)?;
            }
        }
        Ok(())
    }

    fn work_lock(&self) -> io::Result<File> {
        let folder = self.containers_folder();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        File::options()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(folder.with_extension("lock"))
    }
}
