//! Folders of steps at work, below `builds/`: each with a lock that says that it is, and swept by whoever comes when it is not.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::containers::{new_id, step_folders};
use crate::engine::Engine;

/// The folder of one step, which goes with it.
#[derive(Debug)]
pub(super) struct StepFolder {
    path: PathBuf,
    id: String,
    _lock: File,
}

impl StepFolder {
    /// A new one, with folders for what the step writes and where its root is mounted.
    pub(super) fn new(engine: &Engine) -> io::Result<Self> {
        let folder = Self::empty(engine)?;
        for (name, mode) in [("upper", 0o755), ("work", 0o700), ("rootfs", 0o700)] {
            std::fs::DirBuilder::new()
                .mode(mode)
                .create(folder.path.join(name))?;
        }
        let upper = folder.path.join("upper");
        std::fs::set_permissions(upper, std::fs::Permissions::from_mode(0o755))?;
        Ok(folder)
    }

    /// A new one with nothing in it but its lock; what dead processes left is removed.
    pub(super) fn empty(engine: &Engine) -> io::Result<Self> {
        let all = step_folders(&engine.settings().root);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&all)?;
        if sweep(&all)?
            && let Err(error) = engine.release_dead_places()
        {
            tracing::warn!(%error, "what is left of the networks of dead builds cannot be removed");
        }
        let id = new_id()?;
        let path = all.join(&id);
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        // held before it can be found
        let lock = File::create(path.join("lock.new"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        std::fs::rename(path.join("lock.new"), path.join("lock"))?;
        Ok(Self {
            path,
            id,
            _lock: lock,
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it is called.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for StepFolder {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!(%error, folder = %self.path.display(), "a step's folder cannot be removed");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    wharf_layers::remove_tree(File::open(parent)?, name)
}

/// Removes the folders of processes that died. Whether there were any.
fn sweep(all: &Path) -> io::Result<bool> {
    let mut found = false;
    for entry in std::fs::read_dir(all)? {
        let path = entry?.path();
        // Without a lock it is being made, or being removed.
        let Ok(lock) = File::open(path.join("lock")) else {
            continue;
        };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            found = true;
            match remove(&path) {
                // its owner was just removing it
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                removed => removed?,
            }
        }
    }
    Ok(found)
}
