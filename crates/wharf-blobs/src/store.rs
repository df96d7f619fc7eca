//! The folder of blobs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use wharf_oci::{Algorithm, Digest, Hasher, MANIFEST_LIMIT_BYTES};

use crate::atomic;
use crate::ingest::{self, Ingest, IngestError, Place};
use crate::lock::FileLock;
use crate::spool::{SCRATCH_PREFIX, Scratch, Spool};
use crate::sync::GroupSync;

const READ_BUFFER_BYTES: usize = 1 << 18;

/// Blobs by digest in one folder, shared with other processes.
#[derive(Debug)]
pub struct BlobStore {
    blobs: PathBuf,
    ingest: PathBuf,
    sync: GroupSync,
    serial: AtomicU64,
}

/// What a process that wants to write a blob finds.
#[derive(Debug)]
pub enum IngestSlot {
    /// The blob is there; its size in bytes.
    Present(u64),
    /// It is this process's to write.
    Writable(Box<Ingest>),
}

/// What checking a blob found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlobState {
    /// Its bytes have its digest.
    Good {
        /// Length in bytes.
        size: u64,
    },
    /// There is none.
    Missing,
    /// Its bytes have another digest.
    Corrupt {
        /// The digest they have.
        actual: Digest,
    },
}

/// A download that was begun and is not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedIngest {
    /// Which blob.
    pub digest: Digest,
    /// Bytes on disk.
    pub size: u64,
    /// When it was last written to.
    pub modified: SystemTime,
}

/// Why a blob could not be read, written or deleted.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// There is no such blob.
    #[error("content {0} is not in the store")]
    NotFound(Digest),
    /// The bytes on disk are not those of the digest.
    #[error(
        "content {expected} is damaged on disk: its digest is {actual}; run `wharf system check --repair`"
    )]
    Corrupt {
        /// The digest in the name.
        expected: Digest,
        /// The digest of the bytes.
        actual: Digest,
    },
    /// A document longer than any manifest or config may be.
    #[error(
        "document {digest} of {size} bytes is larger than the limit of {MANIFEST_LIMIT_BYTES} bytes"
    )]
    TooLarge {
        /// The document.
        digest: Digest,
        /// Its length in bytes.
        size: u64,
    },
    /// The disk failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Writing failed.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl BlobStore {
    /// Opens the store in `root`, making its folders where they are missing and can be made.
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let (blobs, ingest) = (root.join("blobs"), root.join("ingest"));
        for directory in [blobs.join("sha256"), blobs.join("sha512"), ingest.clone()] {
            if !directory.is_dir() {
                std::fs::create_dir_all(&directory).map_err(io_error(&directory))?;
            }
        }
        let sync = GroupSync::new(root).map_err(io_error(root))?;
        Ok(Self {
            blobs,
            ingest,
            sync,
            serial: AtomicU64::new(0),
        })
    }

    /// Makes what was written to the store's file system last; shared between callers.
    pub fn group_sync(&self) -> &GroupSync {
        &self.sync
    }

    /// Where the blob is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs
            .join(digest.algorithm().name())
            .join(digest.hex())
    }

    /// The blob's length in bytes, or `None` if it is not there.
    pub fn contains(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let path = self.path(digest);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Opens the blob. Its bytes were verified when they came in and are not verified again.
    pub fn open_blob(&self, digest: &Digest) -> Result<File, BlobError> {
        let path = self.path(digest);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::NotFound(*digest),
            _ => io_error(&path)(error),
        })
    }

    /// Reads a manifest, index or config, and verifies it.
    pub fn read_document(&self, digest: &Digest) -> Result<Vec<u8>, BlobError> {
        let file = self.open_blob(digest)?;
        let path = self.path(digest);
        let size = file.metadata().map_err(io_error(&path))?.len();
        if size > MANIFEST_LIMIT_BYTES as u64 {
            return Err(BlobError::TooLarge {
                digest: *digest,
                size,
            });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        file.take(MANIFEST_LIMIT_BYTES as u64)
            .read_to_end(&mut bytes)
            .map_err(io_error(&path))?;
        if digest.matches(&bytes) {
            return Ok(bytes);
        }
        let mut hasher = Hasher::new(digest.algorithm());
        hasher.update(&bytes);
        Err(BlobError::Corrupt {
            expected: *digest,
            actual: hasher.finish(),
        })
    }

    /// Stores a document under `digest`, which must be its own; synced and named when this returns.
    pub fn put_document(&self, digest: &Digest, bytes: &[u8]) -> Result<(), BlobError> {
        if !digest.matches(bytes) {
            let mut hasher = Hasher::new(digest.algorithm());
            hasher.update(bytes);
            let actual = hasher.finish();
            return Err(IngestError::WrongDigest {
                expected: *digest,
                actual,
            }
            .into());
        }
        if self.contains(digest)? == Some(bytes.len() as u64) {
            return Ok(());
        }
        let path = self.path(digest);
        atomic::write_file(&path, bytes, 0o644).map_err(io_error(&path))
    }

    /// Takes the right to write the blob; waits while another process writes it.
    pub fn ingest(&self, digest: &Digest, size: Option<u64>) -> Result<IngestSlot, BlobError> {
        loop {
            if let Some(size) = self.contains(digest)? {
                self.clear_remains(digest)?;
                return Ok(IngestSlot::Present(size));
            }
            let directory = self.make_ingest_directory(digest)?;
            match FileLock::acquire(&directory.join("lock")) {
                Ok(lock) => return self.locked_slot(digest, size, lock),
                // Its last writer has removed the folder between our two steps.
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
    }

    /// As [`BlobStore::ingest`], but `None` at once while another process writes it.
    pub fn try_ingest(
        &self,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<Option<IngestSlot>, BlobError> {
        loop {
            if let Some(size) = self.contains(digest)? {
                self.clear_remains(digest)?;
                return Ok(Some(IngestSlot::Present(size)));
            }
            let directory = self.make_ingest_directory(digest)?;
            match FileLock::try_acquire(&directory.join("lock")) {
                Ok(Some(lock)) => return self.locked_slot(digest, size, lock).map(Some),
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (),
                Err(error) => return Err(io_error(&directory)(error)),
            }
        }
    }

    /// A file for bytes that are to become a blob, but whose digest is not known yet.
    pub fn spool(&self) -> Result<Spool, BlobError> {
        self.scratch().map(Spool::new)
    }

    /// A file for the time being, on the store's disk.
    pub fn scratch(&self) -> Result<Scratch, BlobError> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Scratch::create(&self.ingest, serial).map_err(io_error(&self.ingest))
    }

    /// Deletes the scratch files of dead processes.
    pub fn sweep_spools(&self) -> Result<(), BlobError> {
        for name in names_in(&self.ingest)? {
            if !name.starts_with(SCRATCH_PREFIX) {
                continue;
            }
            let path = self.ingest.join(name);
            if let Some(_lock) = FileLock::try_acquire(&path).map_err(io_error(&path))? {
                std::fs::remove_file(&path).map_err(io_error(&path))?;
            }
        }
        Ok(())
    }

    /// Reads the whole blob and compares its digest.
    pub fn verify(&self, digest: &Digest) -> Result<BlobState, BlobError> {
        let mut file = match self.open_blob(digest) {
            Ok(file) => file,
            Err(BlobError::NotFound(_)) => return Ok(BlobState::Missing),
            Err(error) => return Err(error),
        };
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut size = 0;
        loop {
            let count = file
                .read(&mut buffer)
                .map_err(io_error(&self.path(digest)))?;
            if count == 0 {
                break;
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
            size += count as u64;
        }
        let actual = hasher.finish();
        Ok(if actual == *digest {
            BlobState::Good { size }
        } else {
            BlobState::Corrupt { actual }
        })
    }

    /// Deletes the blob; its length in bytes, or `None` if it was not there.
    pub fn delete(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let size = self.contains(digest)?;
        let path = self.path(digest);
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(size),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error(&path)(error)),
        }
    }

    /// Every blob that is there, in no order. Files that are not blobs are passed over.
    pub fn list(&self) -> Result<Vec<Digest>, BlobError> {
        let mut found = Vec::new();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let directory = self.blobs.join(algorithm.name());
            for name in names_in(&directory)? {
                found.extend(
                    format!("{}:{name}", algorithm.name())
                        .parse::<Digest>()
                        .ok(),
                );
            }
        }
        Ok(found)
    }

    /// Downloads that were begun and are not finished, running ones included.
    pub fn unfinished(&self) -> Result<Vec<UnfinishedIngest>, BlobError> {
        let mut found = Vec::new();
        for name in names_in(&self.ingest)? {
            let Ok(digest) = name.replacen('-', ":", 1).parse() else {
                continue;
            };
            let directory = self.ingest.join(&name);
            let data = std::fs::metadata(directory.join("data"));
            let size = data.as_ref().map_or(0, std::fs::Metadata::len);
            // One that died before its first byte is as old as its folder; one that is gone has ended meanwhile.
            let Ok(metadata) = data.or_else(|_none_yet| std::fs::metadata(&directory)) else {
                continue;
            };
            let modified = metadata.modified().map_err(io_error(&directory))?;
            found.push(UnfinishedIngest {
                digest,
                size,
                modified,
            });
        }
        Ok(found)
    }

    /// Throws away the unfinished download of `digest`, unless a process is at work on it. Tells
    /// whether it did.
    pub fn remove_unfinished(&self, digest: &Digest) -> Result<bool, BlobError> {
        let directory = self.ingest_directory(digest);
        match FileLock::try_acquire(&directory.join("lock")) {
            Ok(Some(lock)) => {
                ingest::remove_directory(&directory).map_err(io_error(&directory))?;
                drop(lock);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error(&directory)(error)),
        }
    }

    /// Removes the ingest of a blob that is there: a process died after giving the blob its name.
    fn clear_remains(&self, digest: &Digest) -> Result<(), BlobError> {
        if self.ingest_directory(digest).exists() {
            self.remove_unfinished(digest)?;
        }
        Ok(())
    }

    fn locked_slot(
        &self,
        digest: &Digest,
        size: Option<u64>,
        lock: FileLock,
    ) -> Result<IngestSlot, BlobError> {
        let directory = self.ingest_directory(digest);
        // The process before us may have finished it while we waited.
        if let Some(size) = self.contains(digest)? {
            ingest::remove_directory(&directory).map_err(io_error(&directory))?;
            return Ok(IngestSlot::Present(size));
        }
        let place = Place {
            directory,
            blob: self.path(digest),
            lock,
        };
        Ok(IngestSlot::Writable(Box::new(Ingest::open(
            place, *digest, size,
        )?)))
    }

    fn ingest_directory(&self, digest: &Digest) -> PathBuf {
        self.ingest
            .join(format!("{}-{}", digest.algorithm().name(), digest.hex()))
    }

    fn make_ingest_directory(&self, digest: &Digest) -> Result<PathBuf, BlobError> {
        let directory = self.ingest_directory(digest);
        std::fs::create_dir_all(&directory).map_err(io_error(&directory))?;
        Ok(directory)
    }
}

fn names_in(directory: &Path) -> Result<Vec<String>, BlobError> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(io_error(directory))? {
        let entry = entry.map_err(io_error(directory))?;
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_path_buf();
    move |source| BlobError::Io { path, source }
}
