//! One blob on its way in: hashed while it is written, resumable by another process.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use wharf_oci::{Digest, Hasher, HasherState};

use crate::atomic;
use crate::lock::FileLock;
use crate::sync::{BootId, GroupSync};

/// How many bytes at most are hashed again after a crash.
pub const CHECKPOINT_BYTES: u64 = 8 << 20;

const STATE_FORMAT: u32 = 1;
const READ_BUFFER_BYTES: usize = 1 << 18;

/// A blob being written. Dropping it keeps what is there for the next attempt.
#[derive(Debug)]
pub struct Ingest {
    place: Place,
    digest: Digest,
    size: Option<u64>,
    data: File,
    hasher: Hasher,
    offset: u64,
    checkpoint: u64,
    hashed_bytes: u64,
    boot: BootId,
}

/// A blob whose bytes are complete and have the right digest, but no name yet.
#[derive(Debug)]
pub struct VerifiedBlob {
    place: Place,
    digest: Digest,
    size: u64,
}

/// Where an ingest lives, where its blob goes, and the lock on both.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) directory: PathBuf,
    pub(crate) blob: PathBuf,
    pub(crate) lock: FileLock,
}

/// Why bytes could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes that arrived are not those that were asked for. They have been thrown away.
    #[error("content of {expected} is not what was asked for: its digest is {actual}")]
    WrongDigest {
        /// The digest asked for.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
    },
    /// The stream ended early.
    #[error("content of {digest} ended after {actual} of {expected} bytes")]
    TooShort {
        /// The blob.
        digest: Digest,
        /// Bytes announced.
        expected: u64,
        /// Bytes that came.
        actual: u64,
    },
    /// More bytes than announced. They have been thrown away.
    #[error("content of {digest} is longer than the {expected} bytes announced for it")]
    TooLong {
        /// The blob.
        digest: Digest,
        /// Bytes announced.
        expected: u64,
    },
    /// The disk did not take or give the bytes.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct State {
    format: u32,
    boot: BootId,
    offset: u64,
    hasher: Vec<u8>,
}

impl Ingest {
    /// Takes up the ingest at `place` with every byte that is on disk. What lies behind the last
    /// checkpoint that can be believed is hashed again, and never fetched again: somebody may have
    /// made something of those very bytes, and they alone are what the digest vouches for in the end.
    pub(crate) fn open(
        place: Place,
        digest: Digest,
        size: Option<u64>,
    ) -> Result<Self, IngestError> {
        let path = place.directory.join("data");
        let opened = open_data(&path).map_err(io_error(&path))?;
        let boot = BootId::current().map_err(io_error(&path))?;
        let mut ingest = Self {
            place,
            digest,
            size,
            data: opened,
            hasher: Hasher::new(digest.algorithm()),
            offset: 0,
            checkpoint: 0,
            hashed_bytes: 0,
            boot,
        };
        ingest.restore().map_err(io_error(&path))?;
        Ok(ingest)
    }

    /// Which blob.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many bytes are here and hashed: where the next write goes on.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes this process has hashed for it.
    pub fn hashed_bytes(&self) -> u64 {
        self.hashed_bytes
    }

    /// Reads from the start what is already here; it ends at [`Ingest::offset`] as it is now.
    pub fn read_existing(&self) -> Result<io::Take<File>, IngestError> {
        let path = self.place.directory.join("data");
        let file = File::open(&path).map_err(io_error(&path))?;
        Ok(file.take(self.offset))
    }

    /// Appends the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), IngestError> {
        if let Some(expected) = self.size
            && self.offset + bytes.len() as u64 > expected
        {
            self.discard()?;
            return Err(IngestError::TooLong {
                digest: self.digest,
                expected,
            });
        }
        // Before it is too much: a death between writing and remembering must not cost more either.
        let unsaved = self.offset - self.checkpoint;
        if unsaved > 0 && unsaved + bytes.len() as u64 > CHECKPOINT_BYTES {
            self.save().map_err(io_error(&self.place.directory))?;
        }
        self.data
            .write_all(bytes)
            .map_err(io_error(&self.place.directory))?;
        self.hasher.update(bytes);
        self.offset += bytes.len() as u64;
        self.hashed_bytes += bytes.len() as u64;
        if self.offset - self.checkpoint >= CHECKPOINT_BYTES {
            self.save().map_err(io_error(&self.place.directory))?;
        }
        Ok(())
    }

    /// Remembers what is here, so that another attempt goes on from this very byte.
    pub fn suspend(mut self) -> Result<(), IngestError> {
        self.save().map_err(io_error(&self.place.directory))
    }

    /// Checks length and digest. Wrong bytes are thrown away; bytes that are only too few are kept.
    pub fn finish(mut self) -> Result<VerifiedBlob, IngestError> {
        if let Some(expected) = self.size
            && self.offset < expected
        {
            self.save().map_err(io_error(&self.place.directory))?;
            return Err(IngestError::TooShort {
                digest: self.digest,
                expected,
                actual: self.offset,
            });
        }
        let actual = self.hasher.clone().finish();
        if actual != self.digest {
            self.discard()?;
            return Err(IngestError::WrongDigest {
                expected: self.digest,
                actual,
            });
        }
        self.save().map_err(io_error(&self.place.directory))?;
        Ok(VerifiedBlob {
            place: self.place,
            digest: self.digest,
            size: self.offset,
        })
    }

    /// Throws away what is here: the next attempt begins at the first byte.
    pub fn discard(&mut self) -> Result<(), IngestError> {
        self.restart().map_err(io_error(&self.place.directory))
    }

    fn restart(&mut self) -> io::Result<()> {
        remove_if_there(&self.place.directory.join("state"))?;
        self.data.set_len(0)?;
        self.data.seek(SeekFrom::Start(0))?;
        self.hasher = Hasher::new(self.digest.algorithm());
        (self.offset, self.checkpoint) = (0, 0);
        Ok(())
    }

    fn restore(&mut self) -> io::Result<()> {
        let length = self.data.metadata()?.len();
        if self.size.is_some_and(|size| length > size) {
            return self.restart();
        }
        match self.believable_state(length)? {
            Some((offset, hasher)) => {
                self.hasher = hasher;
                (self.offset, self.checkpoint) = (offset, offset);
                self.hash_to(length)
            }
            None => self.hash_to(length),
        }
    }

    fn believable_state(&self, length: u64) -> io::Result<Option<(u64, Hasher)>> {
        let bytes = match std::fs::read(self.place.directory.join("state")) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // A state that does not parse is from a torn disk or another version: as if there were none.
        let Ok(state) = serde_json::from_slice::<State>(&bytes) else {
            return Ok(None);
        };
        let current = state.format == STATE_FORMAT && state.boot == self.boot;
        if !current || state.offset > length {
            return Ok(None);
        }
        let saved = HasherState::from_bytes(state.hasher);
        Ok(Hasher::resume(self.digest.algorithm(), &saved).map(|hasher| (state.offset, hasher)))
    }

    // What is on disk is believed as far as it can be read, after a power loss too, since the digest over
    // all of it decides in the end.
    fn hash_to(&mut self, length: u64) -> io::Result<()> {
        self.data.seek(SeekFrom::Start(self.offset))?;
        if self.offset == length {
            return Ok(());
        }
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        while self.offset < length {
            let count = self.data.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            self.hasher.update(buffer.get(..count).unwrap_or_default());
            self.offset += count as u64;
            self.hashed_bytes += count as u64;
        }
        self.save()
    }

    fn save(&mut self) -> io::Result<()> {
        let state = State {
            format: STATE_FORMAT,
            boot: self.boot.clone(),
            offset: self.offset,
            hasher: self.hasher.save().as_bytes().to_vec(),
        };
        let bytes = serde_json::to_vec(&state)?;
        atomic::write_file_unsynced(&self.place.directory.join("state"), &bytes, 0o600)?;
        self.checkpoint = self.offset;
        Ok(())
    }
}

impl VerifiedBlob {
    /// Which blob.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads it from the start.
    pub fn open(&self) -> Result<File, IngestError> {
        let path = self.place.directory.join("data");
        File::open(&path).map_err(io_error(&path))
    }

    /// Syncs the bytes and gives the blob its name.
    pub fn publish(self, sync: &GroupSync) -> Result<u64, IngestError> {
        let directory = &self.place.directory;
        sync.sync().map_err(io_error(directory))?;
        self.publish_synced()
    }

    /// Gives the blob its name. The caller has synced the file system since [`Ingest::finish`].
    pub fn publish_synced(self) -> Result<u64, IngestError> {
        let Place {
            directory,
            blob,
            lock,
        } = self.place;
        let renamed = std::fs::rename(directory.join("data"), &blob)
            .and_then(|()| blob.parent().map_or(Ok(()), atomic::sync_directory))
            .and_then(|()| remove_directory(&directory));
        renamed.map_err(io_error(&blob))?;
        drop(lock);
        Ok(self.size)
    }
}

/// Removes an ingest whose lock is held, with whatever a dead process left in it.
pub(crate) fn remove_directory(directory: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != "lock") {
            remove_if_there(&path)?;
        }
    }
    // The lock goes last: whoever waits for it looks for its name again.
    remove_if_there(&directory.join("lock"))?;
    match std::fs::remove_dir(directory) {
        // Another process has made a new lock in the meantime: the folder is its now.
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn open_data(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .open(path)
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> IngestError {
    let path = path.to_path_buf();
    move |source| IngestError::Io { path, source }
}
