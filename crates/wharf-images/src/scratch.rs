//! Folders for the time being: checkouts of git, for one.
//!
//! ```text
//! <root>/scratch/<process>-<serial>/        the folder
//! <root>/scratch/<process>-<serial>.lock    held as long as it is used: what nobody has locked belongs to a dead process
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use wharf_blobs::FileLock;

use crate::store::{ImageStore, Shared};

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A folder for the time being. Dropping it deletes it.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    lock_path: PathBuf,
    _lock: FileLock,
}

impl ScratchFolder {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // what cannot be deleted now is deleted as a leftover by the next sweep
        let _deleted = remove(&self.path, &self.lock_path);
    }
}

impl ImageStore {
    /// Makes an empty folder that only its owner can look into.
    ///
    /// # Errors
    /// If the disk does not take it.
    pub fn scratch_folder(&self) -> io::Result<ScratchFolder> {
        let top = self.shared.scratch();
        let make = |path: &Path, recursive| {
            fs::DirBuilder::new()
                .recursive(recursive)
                .mode(0o700)
                .create(path)
        };
        make(&top, true)?;
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{serial}", std::process::id());
        let lock_path = top.join(format!("{name}.lock"));
        let lock = FileLock::acquire(&lock_path)?;
        let path = top.join(name);
        if path.exists() {
            // of a dead process with our number
            remove_tree(&path)?;
        }
        make(&path, false)?;
        Ok(ScratchFolder {
            path,
            lock_path,
            _lock: lock,
        })
    }
}

impl Shared {
    fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Deletes folders of dead processes.
    pub(crate) fn sweep_scratch_folders(&self) -> io::Result<()> {
        let top = self.scratch();
        let entries = match fs::read_dir(&top) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let lock_path = entry?.path();
            if lock_path
                .extension()
                .is_none_or(|extension| extension != "lock")
            {
                continue;
            }
            if let Some(_lock) = FileLock::try_acquire(&lock_path)? {
                remove(&lock_path.with_extension(""), &lock_path)?;
            }
        }
        Ok(())
    }
}

fn remove(path: &Path, lock_path: &Path) -> io::Result<()> {
    if path.exists() {
        remove_tree(path)?;
    }
    fs::remove_file(lock_path)
}

fn remove_tree(path: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(());
    };
    wharf_layers::remove_tree(fs::File::open(parent)?, name)
}
