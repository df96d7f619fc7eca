//! Folders of steps at work, below `builds/`: each with a lock beside it that says that it is, and swept by whoever comes when it is not.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use wharf_blobs::FileLock;

use crate::containers::{STEP_LOCK, new_id, remove_step_group, step_folders, step_lock};
use crate::engine::Engine;

/// The folder of one step, which goes with it.
#[derive(Debug)]
pub(super) struct StepFolder {
    path: PathBuf,
    id: String,
    _lock: FileLock,
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
        // There before the folder, and gone after it: a folder that nobody holds is a dead process's.
        let lock = FileLock::acquire(&step_lock(&all, &id))?;
        let folder = Self {
            path: all.join(&id),
            id,
            _lock: lock,
        };
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder.path)?;
        Ok(folder)
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

/// Removes a folder that this process holds, and its lock.
fn remove(path: &Path) -> io::Result<()> {
    let (Some(all), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    let lock = step_lock(all, &name.to_string_lossy());
    let removed = wharf_layers::remove_tree(File::open(all)?, name);
    for removed in [removed, std::fs::remove_file(lock)] {
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
    }
    Ok(())
}

/// Removes what a step has left whose own process was killed.
pub(super) fn remove_group(parent: &str, id: &str) {
    if let Err(error) = remove_step_group(parent, id) {
        tracing::warn!(%error, step = id, "what is left of a step's processes cannot be removed");
    }
}

/// Removes the folders of processes that died. Whether there were any.
fn sweep(all: &Path) -> io::Result<bool> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(all)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        names.insert(name.trim_end_matches(STEP_LOCK).to_owned());
    }
    let mut found = false;
    for name in names {
        if let Some(_lock) = FileLock::try_acquire(&step_lock(all, &name))? {
            found = true;
            remove_group("", &name);
            remove(&all.join(&name))?;
        }
    }
    Ok(found)
}
