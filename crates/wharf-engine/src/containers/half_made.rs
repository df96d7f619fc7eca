//! Containers that were being made or removed when somebody killed who did it.
//!
//! Whoever makes or removes a container holds a lock together with all others who do. Who gets it alone knows that nobody is at work,
//! and that whatever is half there stays so: records without a file, folders without a record.
//!
//! Anonymous volumes that go with such a container stand in a note beside its folder, `<id>.volumes`, a name a line: written before
//! they are made, and before a container goes that takes them along; deleted when the container is whole, or they are gone.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wharf_transfer::ErrorKind;

use super::record::RECORD_FILE;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

const NOTE_SUFFIX: &str = ".volumes";

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
        let (mut known, mut noted) = (BTreeSet::new(), Vec::new());
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
            if let Some(id) = id.strip_suffix(NOTE_SUFFIX) {
                noted.push(id.to_owned());
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !known.contains(&id) {
                tracing::info!(container = id, "what is left of a container is removed");
                self.remove_container_folder(&id)?;
            }
        }
        for id in noted {
            if known.contains(&id) {
                self.forget_noted_volumes(&id)?;
            } else {
                self.remove_noted_volumes(&id)?;
            }
        }
        Ok(())
    }

    /// Sweeps if a note says that volumes may be left of a container.
    pub(super) fn sweep_noted_volumes(&self) -> Result<(), EngineError> {
        let Ok(entries) = std::fs::read_dir(self.containers_folder()) else {
            return Ok(());
        };
        let is_note = |name: &OsStr| name.as_bytes().ends_with(NOTE_SUFFIX.as_bytes());
        if entries.flatten().any(|entry| is_note(&entry.file_name())) {
            self.sweep_half_made()?;
        }
        Ok(())
    }

    /// Writes down that the anonymous volume goes with the container, unless that is whole. Only for who is at work.
    pub(super) fn note_volume(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let opened = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(self.volumes_note(id));
        opened
            .and_then(|mut file| file.write_all(format!("{name}\n").as_bytes()))
            .map_err(classify)
    }

    /// Forgets what was written down: the volumes stay.
    pub(super) fn forget_noted_volumes(&self, id: &str) -> Result<(), EngineError> {
        match std::fs::remove_file(self.volumes_note(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(classify(error)),
            _ => Ok(()),
        }
    }

    /// Removes the volumes that were written down, but for those that another container has by `--volumes-from`.
    pub(super) fn remove_noted_volumes(&self, id: &str) -> Result<(), EngineError> {
        let text = match std::fs::read_to_string(self.volumes_note(id)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(classify)?,
        };
        for name in text.lines() {
            match self.remove_volume_or_rest(name) {
                Err(error) if error.kind() == ErrorKind::Conflict => (),
                outcome => outcome?,
            }
        }
        self.forget_noted_volumes(id)
    }

    fn volumes_note(&self, id: &str) -> PathBuf {
        self.containers_folder().join(format!("{id}{NOTE_SUFFIX}"))
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
