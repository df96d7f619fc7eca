//! Files in the store for bytes whose digest is not known yet: what is compressed here, and archives that come
//! through a pipe.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use wharf_oci::{Algorithm, Digest, Hasher};

use crate::atomic;
use crate::lock::FileLock;
use crate::store::BlobStore;
use crate::sync::GroupSync;

/// A file for the time being. Dropping it deletes it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    file: File,
    kept: bool,
    // Held as long as the file is: a scratch file that nobody has locked belongs to a dead process.
    _lock: FileLock,
}

/// Bytes on their way to a digest, hashed as they are written. Dropping it deletes them.
#[derive(Debug)]
pub struct Spool {
    scratch: Scratch,
    hasher: Hasher,
    size: u64,
}

/// What the name of a scratch file begins with.
pub(crate) const SCRATCH_PREFIX: &str = "spool-";

impl Scratch {
    pub(crate) fn create(directory: &Path, serial: u64) -> io::Result<Self> {
        let name = format!("{SCRATCH_PREFIX}{}-{serial}", std::process::id());
        let path = directory.join(name);
        let lock = FileLock::acquire(&path)?;
        let file = File::options()
            .read(true)
            .write(true)
            .truncate(true)
            .open(&path)?;
        Ok(Self {
            path,
            file,
            kept: false,
            _lock: lock,
        })
    }

    /// A second handle on the file, at its start.
    pub fn reopen(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Gives it a place on the same disk, where it stays.
    ///
    /// # Errors
    /// If it cannot be moved there; then it is gone.
    pub fn keep_at(mut self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Write for Scratch {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The error passes through copies that know nothing of this file, so it names it itself.
        self.file.write(bytes).map_err(|error| {
            let path = self.path.display();
            io::Error::new(error.kind(), format!("cannot write {path}: {error}"))
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be deleted now is deleted as a leftover by the next sweep.
            let _deleted = std::fs::remove_file(&self.path);
        }
    }
}

impl Spool {
    pub(crate) fn new(scratch: Scratch) -> Self {
        Self {
            scratch,
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
        }
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A second handle on the file, at its start.
    pub fn reopen(&self) -> io::Result<File> {
        self.scratch.reopen()
    }

    /// The SHA-256 of the bytes so far.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Makes the bytes a blob, named by their SHA-256. Keep the digest under a lease before.
    pub fn publish(mut self, store: &BlobStore, sync: &GroupSync) -> io::Result<(Digest, u64)> {
        let digest = self.digest();
        sync.sync()?;
        let path = store.path(&digest);
        std::fs::rename(&self.scratch.path, &path)?;
        self.scratch.kept = true;
        if let Some(directory) = path.parent() {
            atomic::sync_directory(directory)?;
        }
        Ok((digest, self.size))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.scratch.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
