//! A file in the store for bytes whose digest is not known yet: what is compressed here, and archives that come
//! through a pipe.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};

use wharf_oci::{Algorithm, Digest, Hasher};

use crate::atomic;
use crate::lock::FileLock;
use crate::store::BlobStore;
use crate::sync::GroupSync;

/// Bytes on their way to a digest. Dropping it deletes them.
#[derive(Debug)]
pub struct Spool {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
    kept: bool,
    // Held as long as the file is: a spool file that nobody has locked belongs to a dead process.
    _lock: FileLock,
}

/// What a spool's file name begins with.
pub(crate) const SPOOL_PREFIX: &str = "spool-";

impl Spool {
    pub(crate) fn create(directory: &Path, serial: u64) -> io::Result<Self> {
        let name = format!("{SPOOL_PREFIX}{}-{serial}", std::process::id());
        let path = directory.join(name);
        let lock = FileLock::acquire(&path)?;
        let file = File::options()
            .read(true)
            .write(true)
            .truncate(true)
            .open(&path)?;
        let hasher = Hasher::new(Algorithm::Sha256);
        Ok(Self {
            path,
            file,
            hasher,
            size: 0,
            kept: false,
            _lock: lock,
        })
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// A second handle on the file, at its start.
    pub fn reopen(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// Makes the bytes a blob, named by their SHA-256.
    pub fn publish(mut self, store: &BlobStore, sync: &GroupSync) -> io::Result<(Digest, u64)> {
        let digest = self.hasher.clone().finish();
        sync.sync()?;
        let path = store.path(&digest);
        std::fs::rename(&self.path, &path)?;
        self.kept = true;
        if let Some(directory) = path.parent() {
            atomic::sync_directory(directory)?;
        }
        Ok((digest, self.size))
    }

    /// Forgets what was written.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new(Algorithm::Sha256);
        self.size = 0;
        Ok(())
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or_default());
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be deleted now is deleted as a leftover by the next sweep.
            let _deleted = std::fs::remove_file(&self.path);
        }
    }
}
