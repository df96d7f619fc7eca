//! Storage in a folder of this machine. Holds every `spawn_blocking` of the registry's disk work.
//!
//! ```text
//! <root>/
//!   format                                what this folder is, and in which version
//!   uploads/<key>                         bytes in flight
//!   blobs/<algorithm>/<2 hex>/<hex>.<key> finished objects: verified and synced before they get this name
//!   records/...                           small documents
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use wharf_blobs::{BootId, sync_directory, write_file};
use wharf_oci::{Algorithm, Digest, Hasher};

use super::{
    BlobBody, FinishError, ListedObject, ListedUpload, ObjectKey, PendingUpload, StorageError,
    StorageRoom, StoredObject,
};

/// The version of the folder's layout. An older Wharf refuses a newer one.
const FORMAT: &str = "wharf-registry-storage 1\n";
/// How many bytes are handed to the disk's thread at once. One such batch is written and hashed while the next comes
/// from the socket, so that an upload holds at most two.
const BATCH_BYTES: usize = 256 << 10;
/// Piece in which bytes are read again after a restart of the machine.
const REHASH_BYTES: usize = 1 << 20;

/// A folder of blobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LocalStorage {
    folder: Arc<Folder>,
}

#[derive(Debug)]
struct Folder {
    root: PathBuf,
    boot: BootId,
}

/// What is remembered of an upload between requests.
#[derive(Debug, Serialize, Deserialize)]
struct Notes {
    /// The run of the kernel that has the bytes in its cache. They are not synced before the upload is finished: in
    /// another run they may be missing behind a file of the right length.
    boot: BootId,
}

/// Runs work on disks and hashes on a thread for it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the bridge that everybody else uses"
)]
pub(crate) fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    tokio::task::spawn_blocking(work)
}

/// As [`on_disk`], waited for.
pub(crate) async fn disk_work<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    flatten(on_disk(work).await)
}

fn flatten<T, E: From<StorageError>>(
    outcome: Result<Result<T, E>, tokio::task::JoinError>,
) -> Result<T, E> {
    outcome.unwrap_or_else(|error| {
        Err(E::from(StorageError::Failed {
            what: "a disk thread ended early".to_owned(),
            cause: Box::new(error),
        }))
    })
}

impl LocalStorage {
    /// Opens the folder at `root`, making it if it is not there. Waits for the disk.
    pub fn open(root: &Path) -> Result<Self, StorageError> {
        let failed = |error| StorageError::io(format!("opening {}", root.display()), error);
        fs::create_dir_all(root.join("uploads")).map_err(failed)?;
        check_format(root)?;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let parent = root.join("blobs").join(algorithm.name());
            for fan_out in 0..=u8::MAX {
                fs::create_dir_all(parent.join(format!("{fan_out:02x}"))).map_err(failed)?;
            }
            sync_directory(&parent).map_err(failed)?;
        }
        Ok(Self {
            folder: Arc::new(Folder {
                root: root.to_owned(),
                boot: BootId::current().map_err(failed)?,
            }),
        })
    }

    pub(super) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.folder.path(key)
    }

    pub(super) async fn open_upload(
        &self,
        upload: PendingUpload,
    ) -> Result<LocalWriter, StorageError> {
        let hasher = upload.hasher()?;
        let folder = Arc::clone(&self.folder);
        let core = if upload.offset == 0 {
            // The first batch makes the file: a small blob costs one visit to the disk's thread.
            Core {
                folder,
                begins: 0,
                upload,
                hasher,
                file: None,
            }
        } else {
            disk_work(move || Core::resume(folder, upload, hasher)).await?
        };
        Ok(LocalWriter {
            offset: core.upload.offset,
            state: Some(State::Idle(Box::new(core))),
            batch: Vec::new(),
            batch_bytes: 0,
        })
    }

    pub(super) async fn abort_upload(&self, upload: &ObjectKey) -> Result<(), StorageError> {
        let path = self.folder.upload_path(upload);
        disk_work(move || remove_if_there(&path)).await
    }

    pub(super) async fn list_uploads(
        &self,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedUpload>, StorageError> {
        let after = after.and_then(|key| ObjectKey::parse(&format!("uploads/{key}")));
        let files = self.list("uploads/", after.as_ref(), limit).await?;
        let uploads = files.into_iter().filter_map(|file| {
            Some(ListedUpload {
                key: ObjectKey::parse(file.key.as_str().strip_prefix("uploads/")?)?,
                touched: file.modified,
            })
        });
        Ok(uploads.collect())
    }

    pub(super) async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<BlobBody, StorageError> {
        let path = self.folder.path(key);
        let key = key.clone();
        disk_work(move || match File::open(&path) {
            Ok(file) => Ok(BlobBody::File { file, range }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StorageError::NotFound { key })
            }
            Err(error) => Err(StorageError::io(format!("opening object {key}"), error)),
        })
        .await
    }

    pub(super) async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StorageError> {
        let path = self.folder.path(key);
        disk_work(move || match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::io(
                format!("reading {}", path.display()),
                error,
            )),
        })
        .await
    }

    pub(super) async fn delete(&self, keys: &[ObjectKey]) -> Result<(), StorageError> {
        let paths: Vec<PathBuf> = keys.iter().map(|key| self.folder.path(key)).collect();
        disk_work(move || paths.iter().try_for_each(|path| remove_if_there(path))).await
    }

    pub(super) async fn put_document(
        &self,
        key: &ObjectKey,
        content: Vec<u8>,
    ) -> Result<(), StorageError> {
        let path = self.folder.path(key);
        disk_work(move || {
            let failed = |error| StorageError::io(format!("writing {}", path.display()), error);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(failed)?;
            }
            write_file(&path, &content, 0o640).map_err(failed)
        })
        .await
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedObject>, StorageError> {
        let folder = Arc::clone(&self.folder);
        let prefix = prefix.to_owned();
        let after = after.map(|key| key.as_str().to_owned());
        disk_work(move || {
            let mut listing = Listing {
                root: &folder.root,
                prefix: &prefix,
                after: after.as_deref(),
                limit,
                found: Vec::new(),
            };
            listing
                .walk("")
                .map_err(|error| StorageError::io("listing objects", error))?;
            Ok(listing.found)
        })
        .await
    }

    pub(super) async fn room(&self) -> Result<StorageRoom, StorageError> {
        let root = self.folder.root.clone();
        disk_work(move || {
            let of_system = rustix::fs::statvfs(&root)
                .map_err(|error| StorageError::io("asking for room", error.into()))?;
            Ok(StorageRoom {
                total_bytes: of_system.f_blocks * of_system.f_frsize,
                free_bytes: of_system.f_bavail * of_system.f_frsize,
            })
        })
        .await
    }

    pub(super) async fn check(&self) -> Result<(), StorageError> {
        let root = self.folder.root.clone();
        disk_work(move || check_format(&root)).await
    }
}

impl Folder {
    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join(key.as_str())
    }

    fn upload_path(&self, key: &ObjectKey) -> PathBuf {
        self.root.join("uploads").join(key.as_str())
    }
}

fn check_format(root: &Path) -> Result<(), StorageError> {
    let path = root.join("format");
    match fs::read_to_string(&path) {
        Ok(text) if text == FORMAT => Ok(()),
        Ok(text) => Err(StorageError::Failed {
            what: format!("opening {}", root.display()),
            cause: format!(
                "it is marked {:?}, and this Wharf reads {:?}; use a newer Wharf",
                text.trim(),
                FORMAT.trim()
            )
            .into(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_file(&path, FORMAT.as_bytes(), 0o644)
                .map_err(|error| StorageError::io(format!("writing {}", path.display()), error))
        }
        Err(error) => Err(StorageError::io(
            format!("reading {}", path.display()),
            error,
        )),
    }
}

fn remove_if_there(path: &Path) -> Result<(), StorageError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(StorageError::io(
            format!("deleting {}", path.display()),
            error,
        )),
    }
}

/// Takes the bytes of one request: batches go to the disk's thread, one at a time.
#[derive(Debug)]
pub(crate) struct LocalWriter {
    offset: u64,
    /// `None` after a failure.
    state: Option<State>,
    batch: Vec<Bytes>,
    batch_bytes: usize,
}

#[derive(Debug)]
enum State {
    Idle(Box<Core>),
    Writing(JoinHandle<Result<Box<Core>, StorageError>>),
}

impl LocalWriter {
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        self.offset += bytes.len() as u64;
        self.batch_bytes += bytes.len();
        self.batch.push(bytes);
        if self.batch_bytes >= BATCH_BYTES {
            let mut core = self.idle_core().await?;
            let batch = std::mem::take(&mut self.batch);
            self.batch_bytes = 0;
            self.state = Some(State::Writing(on_disk(move || {
                core.write(&batch)?;
                Ok(core)
            })));
        }
        Ok(())
    }

    pub(super) async fn pause(mut self) -> Result<PendingUpload, StorageError> {
        let mut core = self.idle_core().await?;
        let batch = self.batch;
        disk_work(move || {
            core.write(&batch)?;
            core.pause()
        })
        .await
    }

    pub(super) async fn finish(mut self, digest: &Digest) -> Result<StoredObject, FinishError> {
        let mut core = self.idle_core().await?;
        let batch = self.batch;
        let digest = *digest;
        let finished = on_disk(move || {
            core.write(&batch)?;
            core.finish(&digest)
        });
        flatten(finished.await)
    }

    /// What does the disk's work, once it has done what it was given.
    async fn idle_core(&mut self) -> Result<Box<Core>, StorageError> {
        match self.state.take() {
            Some(State::Idle(core)) => Ok(core),
            Some(State::Writing(work)) => flatten(work.await),
            None => Err(StorageError::Failed {
                what: "writing an upload".to_owned(),
                cause: "an earlier write of it failed".into(),
            }),
        }
    }
}

/// The part of a writer that lives on the disk's thread.
#[derive(Debug)]
struct Core {
    folder: Arc<Folder>,
    /// Where this request began: up to here the database knows of the bytes.
    begins: u64,
    upload: PendingUpload,
    hasher: Hasher,
    file: Option<File>,
}

impl Core {
    fn resume(
        folder: Arc<Folder>,
        upload: PendingUpload,
        hasher: Hasher,
    ) -> Result<Self, StorageError> {
        let lost = || StorageError::Lost {
            key: upload.key.clone(),
        };
        let failed = |error| StorageError::io(format!("opening upload {}", upload.key), error);
        let mut file = match open_locked(&folder.upload_path(&upload.key), false) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(lost()),
            Err(error) => return Err(failed(error)),
        };
        if file.metadata().map_err(failed)?.len() < upload.offset {
            return Err(lost());
        }
        file.set_len(upload.offset).map_err(failed)?;
        let notes: Notes =
            serde_json::from_str(&upload.notes).map_err(|error| StorageError::Failed {
                what: format!("reading the record of upload {}", upload.key),
                cause: Box::new(error),
            })?;
        if notes.boot != folder.boot
            && rehash(&file, upload.algorithm).map_err(failed)?.save() != upload.hash
        {
            return Err(lost());
        }
        file.seek(SeekFrom::End(0)).map_err(failed)?;
        Ok(Self {
            folder,
            begins: upload.offset,
            upload,
            hasher,
            file: Some(file),
        })
    }

    fn write(&mut self, batch: &[Bytes]) -> Result<(), StorageError> {
        for bytes in batch {
            self.hasher.update(bytes);
        }
        let key = self.upload.key.clone();
        let written = self.file().and_then(|mut file| {
            // One system call for small pieces would save little: hyper's pieces are large where it matters.
            batch.iter().try_for_each(|bytes| file.write_all(bytes))
        });
        if let Err(error) = written {
            self.give_back();
            return Err(StorageError::io(format!("writing upload {key}"), error));
        }
        self.upload.offset += batch.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        Ok(())
    }

    /// The file, made now if this is the first batch.
    fn file(&mut self) -> io::Result<&File> {
        match &mut self.file {
            Some(file) => Ok(file),
            slot @ None => {
                // An earlier request of this upload may have died before the database heard of its bytes.
                let file = open_locked(&self.folder.upload_path(&self.upload.key), true)?;
                file.set_len(0)?;
                Ok(slot.insert(file))
            }
        }
    }

    /// After a failure: frees what this request wrote. On a full disk the database needs the room to record anything, were
    /// it that the upload is over.
    fn give_back(&mut self) {
        let Some(file) = &self.file else { return };
        if let Err(error) = file.set_len(self.begins) {
            tracing::warn!(upload = %self.upload.key, %error, "what was written in vain could not be freed");
        }
    }

    fn pause(mut self: Box<Self>) -> Result<PendingUpload, StorageError> {
        self.upload.hash = self.hasher.save();
        let notes = Notes {
            boot: self.folder.boot.clone(),
        };
        self.upload.notes =
            serde_json::to_string(&notes).map_err(|error| StorageError::Failed {
                what: "recording an upload".to_owned(),
                cause: Box::new(error),
            })?;
        Ok(self.upload)
    }

    /// The digest of all bytes. Only who did not say `digest-algorithm` at the beginning and then wants another one than
    /// SHA-256 pays for reading them again.
    fn digest(&mut self, algorithm: Algorithm) -> Result<Digest, StorageError> {
        if algorithm == self.upload.algorithm {
            return Ok(self.hasher.clone().finish());
        }
        let read_again = self.file().and_then(|file| rehash(file, algorithm));
        match read_again {
            Ok(hasher) => Ok(hasher.finish()),
            Err(error) => Err(StorageError::io("reading an upload again", error)),
        }
    }

    fn finish(mut self: Box<Self>, expected: &Digest) -> Result<StoredObject, FinishError> {
        let from = self.folder.upload_path(&self.upload.key);
        let actual = self.digest(expected.algorithm())?;
        if actual != *expected {
            remove_if_there(&from)?;
            return Err(FinishError::Digest {
                expected: Box::new(*expected),
                actual: Box::new(actual),
            });
        }
        let key = ObjectKey::of_blob(expected, &self.upload.key);
        let to = self.folder.path(&key);
        let durable = self.file().and_then(|file| {
            file.sync_data()?;
            fs::rename(&from, &to)?;
            to.parent().map_or(Ok(()), sync_directory)
        });
        if let Err(error) = durable {
            self.give_back();
            return Err(StorageError::io(format!("storing {key}"), error).into());
        }
        Ok(StoredObject {
            key,
            size: self.upload.offset,
        })
    }
}

/// Opens an upload's file and waits for the batch that the thread of a writer that was dropped may still be writing.
fn open_locked(path: &Path, create: bool) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(create)
        .truncate(false)
        .open(path)?;
    file.lock()?;
    Ok(file)
}

fn rehash(mut file: &File, algorithm: Algorithm) -> io::Result<Hasher> {
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; REHASH_BYTES];
    file.rewind()?;
    loop {
        let count = file.read(&mut buffer)?;
        match buffer.get(..count) {
            Some(read) if !read.is_empty() => hasher.update(read),
            _ => return Ok(hasher),
        }
    }
}

/// A walk in the order of keys, which is not the order of a tree walk: `a.b` comes before `a/b`.
struct Listing<'a> {
    root: &'a Path,
    prefix: &'a str,
    after: Option<&'a str>,
    limit: usize,
    found: Vec<ListedObject>,
}

impl Listing<'_> {
    fn walk(&mut self, folder: &str) -> io::Result<()> {
        let entries = match fs::read_dir(self.root.join(folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_folder = entry.file_type()?.is_dir();
            names.push(if is_folder {
                format!("{folder}{name}/")
            } else {
                format!("{folder}{name}")
            });
        }
        names.sort_unstable();
        for name in names {
            if self.found.len() >= self.limit {
                return Ok(());
            }
            if name.ends_with('/') {
                if self.may_hold_some(&name) {
                    self.walk(&name)?;
                }
            } else if name.starts_with(self.prefix)
                && self.after.is_none_or(|after| name.as_str() > after)
            {
                self.take(&name)?;
            }
        }
        Ok(())
    }

    /// Whether keys below `folder`, which ends in a slash, can have the prefix and come after the mark.
    fn may_hold_some(&self, folder: &str) -> bool {
        let in_prefix = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        in_prefix
            && self
                .after
                .is_none_or(|after| after.starts_with(folder) || folder > after)
    }

    fn take(&mut self, name: &str) -> io::Result<()> {
        let Some(key) = ObjectKey::parse(name) else {
            return Ok(());
        };
        let metadata = match fs::metadata(self.root.join(name)) {
            Ok(metadata) => metadata,
            // Deleted since the folder was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let modified = metadata
            .modified()?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        self.found.push(ListedObject {
            key,
            size: metadata.len(),
            modified: i64::try_from(modified.as_micros()).unwrap_or(i64::MAX),
        });
        Ok(())
    }
}
