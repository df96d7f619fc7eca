//! The folders of `RUN --mount=type=cache` as things of their own: listed, taken to other machines, removed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use wharf_layers::{
    Decompressor, Entry, ExtractOptions, ExtractPlace, Ownership, TarWriter, TreeKind,
    archive_tree, extract_archive,
};
use wharf_oci::Digest;
use wharf_transfer::ErrorKind;

use super::cache_mounts::{FOLDER, name_file, open_lock};
use crate::containers::bytes_below;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

const BUFFER_BYTES: usize = 256 << 10;
/// A name may be this long.
const NAME_LIMIT_BYTES: u64 = 64 << 10;

/// A folder of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMount {
    /// Its `id`, or where it is mounted if it has none; empty if nobody has said.
    pub id: String,
    /// The folder's name: `id` by its digest, with a number if the cache has several.
    pub name: String,
    /// Sum of the sizes of its files, in bytes.
    pub bytes: u64,
    /// When a step had it last.
    pub used: Timestamp,
    /// Whether a step has it now.
    pub in_use: bool,
}

/// Which caches to remove. Everything that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheMountFilter {
    /// Only those that no step had since.
    pub unused_since: Option<Timestamp>,
    /// Keep those that were used last, up to so many bytes.
    pub keep_bytes: Option<u64>,
    /// Only those whose `id` or name begins so.
    pub id: Option<String>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheMountReport {
    /// The caches.
    pub removed: Vec<CacheMount>,
    /// Bytes of their files.
    pub reclaimed_bytes: u64,
}

impl Engine {
    fn cache_root(&self) -> PathBuf {
        self.settings().root.join(FOLDER)
    }

    /// The caches, the one used last first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn cache_mounts(&self) -> Result<Vec<CacheMount>, EngineError> {
        let all = self.cache_root();
        let entries = match std::fs::read_dir(&all) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(classify)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(classify)?.file_name();
            let name = name.to_string_lossy().into_owned();
            let lock = all.join(format!("{name}.lock"));
            if !all.join(&name).is_dir() || !lock.exists() {
                continue;
            }
            let lock = File::open(&lock).map_err(classify)?;
            let used = lock.metadata().and_then(|metadata| metadata.modified());
            let used = used.map_err(classify)?;
            let in_use = flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err();
            found.push(CacheMount {
                id: id_of(&all, &name)?,
                bytes: bytes_below(&all.join(&name), 0).map_err(classify)?,
                used: Timestamp::try_from(used).unwrap_or_default(),
                in_use,
                name,
            });
        }
        found.sort_by(|one, other| (other.used, &one.name).cmp(&(one.used, &other.name)));
        Ok(found)
    }

    /// Writes the files of a cache as a tar.
    ///
    /// # Errors
    /// If there is no such cache, a step has it, or it cannot be written.
    pub fn export_cache_mount(&self, id: &str, target: File) -> Result<(), EngineError> {
        let all = self.cache_root();
        let name = self.cache_called(id)?;
        let _lock = alone(&all, &name, id)?;
        let folder = File::open(all.join(&name)).map_err(classify)?;
        let mut tar = TarWriter::new(BufWriter::with_capacity(BUFFER_BYTES, target));
        let same = |_entry: &mut Entry| ();
        archive_tree(&folder, TreeKind::Plain, &|_| true, &same, &mut tar)
            .and_then(|()| tar.finish()?.flush())
            .map_err(classify)
    }

    /// Makes a cache of a tar, compressed or not; what the cache had goes.
    ///
    /// # Errors
    /// If a step has the cache, or the archive is none, leads out of the folder, or costs too much: then the cache stays as it was.
    pub fn import_cache_mount(&self, id: &str, source: impl Read) -> Result<(), EngineError> {
        // makes the store, if there is none
        self.store()?;
        let all = self.cache_root();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&all).map_err(classify)?;
        let name = Digest::of(id.as_bytes()).hex();
        let _lock = alone(&all, &name, id)?;
        let new = all.join(format!("{name}.new"));
        discard(&all, &new)?;
        builder.create(&new).map_err(classify)?;
        let unpacked = unpack(self, source, &new);
        if let Err(error) = unpacked {
            discard(&all, &new)?;
            return Err(error);
        }
        let old = all.join(format!("{name}.old"));
        discard(&all, &old)?;
        match std::fs::rename(all.join(&name), &old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(classify)?,
        }
        std::fs::rename(&new, all.join(&name)).map_err(classify)?;
        wharf_blobs::write_file(&name_file(&all, &name), id.as_bytes(), 0o600).map_err(classify)?;
        discard(&all, &old)
    }

    /// Removes caches that no step has.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn prune_cache_mounts(
        &self,
        filter: &CacheMountFilter,
    ) -> Result<CacheMountReport, EngineError> {
        let all = self.cache_root();
        let mut report = CacheMountReport::default();
        let mut kept_bytes = 0;
        for cache in self.cache_mounts()? {
            let is_kept = filter.keep_bytes.is_some_and(|limit| {
                kept_bytes += cache.bytes;
                kept_bytes <= limit
            });
            let is_old = filter.unused_since.is_none_or(|since| cache.used < since);
            let begins = |wanted: &String| {
                cache.id.starts_with(wanted.as_str()) || cache.name.starts_with(wanted.as_str())
            };
            let is_meant = filter.id.as_ref().is_none_or(begins);
            if is_kept || !is_old || !is_meant || cache.in_use {
                continue;
            }
            // a step may have taken it just now
            let Ok(_lock) = alone(&all, &cache.name, &cache.id) else {
                continue;
            };
            discard(&all, &all.join(&cache.name))?;
            discard(&all, &name_file(&all, &cache.name))?;
            report.reclaimed_bytes += cache.bytes;
            report.removed.push(cache);
        }
        Ok(report)
    }

    /// The folder of the cache that is called so.
    fn cache_called(&self, id: &str) -> Result<String, EngineError> {
        let found = self.cache_mounts()?;
        let by_id = found.iter().find(|cache| cache.id == id && !id.is_empty());
        let hash = Digest::of(id.as_bytes()).hex();
        let by_name = found
            .iter()
            .find(|cache| cache.name == id || cache.name == hash);
        by_id
            .or(by_name)
            .map(|cache| cache.name.clone())
            .ok_or_else(|| {
                let known: Vec<&str> = found.iter().map(|cache| cache.id.as_str()).collect();
                let known = match known.as_slice() {
                    [] => "there are none yet".to_owned(),
                    known => format!("there are {}", known.join(", ")),
                };
                failure(ErrorKind::NotFound, format!("no such cache: {id}: {known}"))
            })
    }
}

fn unpack(engine: &Engine, source: impl Read, new: &Path) -> Result<(), EngineError> {
    let is_root = rustix::process::geteuid().is_root();
    let options = ExtractOptions {
        ownership: if is_root {
            Ownership::Archived
        } else {
            Ownership::Ours
        },
        remembers: false,
        limits: engine.settings().limits.clone(),
    };
    let plain = Decompressor::new(
        BufReader::with_capacity(BUFFER_BYTES, source),
        &options.limits,
    );
    let plain = plain.map_err(classify)?;
    let folder = File::open(new).map_err(classify)?;
    let mut place = ExtractPlace::beneath(folder.into(), new);
    extract_archive(BufReader::new(plain), &mut place, &options).map_err(|error| {
        let text = format!("cannot import the archive: {error}");
        failure(ErrorKind::Invalid, text)
    })?;
    // unless the archive says otherwise, as a cache begins
    let mode = new.metadata().map_err(classify)?.permissions().mode() & 0o7777;
    if mode == 0o700 {
        let usual = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(new, usual).map_err(classify)?;
    }
    Ok(())
}

/// Nobody else has the cache as long as this lives.
fn alone(all: &Path, name: &str, id: &str) -> Result<(File, File), EngineError> {
    let choosing = open_lock(&all.join("lock")).map_err(classify)?;
    flock(&choosing, FlockOperation::LockExclusive)
        .map_err(|error| classify(io::Error::from(error)))?;
    let lock = open_lock(&all.join(format!("{name}.lock"))).map_err(classify)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_held| {
        let text = format!("the cache {id} is in use by a build: try again when it has ended");
        failure(ErrorKind::Conflict, text)
    })?;
    Ok((choosing, lock))
}

/// Removes a folder or a file, if it is there.
fn discard(all: &Path, path: &Path) -> Result<(), EngineError> {
    let name = path.file_name().unwrap_or(OsStr::new(""));
    let removed = if path.is_dir() {
        File::open(all).and_then(|all| wharf_layers::remove_tree(all, name))
    } else {
        std::fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(classify(error)),
        _ => Ok(()),
    }
}

/// What is written beside the folder.
fn id_of(all: &Path, name: &str) -> Result<String, EngineError> {
    let mut bytes = Vec::new();
    match File::open(name_file(all, name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened
            .and_then(|file| file.take(NAME_LIMIT_BYTES).read_to_end(&mut bytes))
            .map_err(classify)?,
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
