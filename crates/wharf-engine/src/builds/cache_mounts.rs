//! The folders of `RUN --mount=type=cache`, which outlive builds.
//!
//! `cache-mounts/<digest of the name>` is the first folder of a cache, `...-1`, `...-2` are further ones, which come to be when
//! several steps want one for themselves at the same time. Beside each lies `....lock`: who shares a folder holds it shared, who has
//! it alone holds it alone, whatever process they are in. The lock's time is when the folder was used last; `....name` says what the
//! cache is called.

use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use wharf_build::builder::{Cancellation, MountedFiles};
use wharf_build::copy::materialize;
use wharf_build::dockerfile::{Mount, Sharing};
use wharf_oci::{Algorithm, Digest, Hasher};

/// How often somebody who waits for a cache looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// As many folders may one cache have.
const FOLDERS_LIMIT: usize = 1000;
const MODE: u32 = 0o755;
/// Where all of them are, in the store.
pub(super) const FOLDER: &str = "cache-mounts";

/// One folder of a cache, held as long as this lives.
#[derive(Debug)]
pub(super) struct CacheFolder {
    pub(super) path: PathBuf,
    _lock: File,
}

/// A cache that a step wants.
#[derive(Debug, Clone, Copy)]
pub(super) struct WantedCache<'a> {
    pub(super) mount: &'a Mount,
    /// Where it is mounted: its name, if it has no other.
    pub(super) target: &'a str,
    /// What it begins with.
    pub(super) seed: Option<&'a MountedFiles>,
}

impl WantedCache<'_> {
    /// What all its folders have in their names. Caches that begin with different files are different ones.
    pub(super) fn key(&self) -> Digest {
        let id = self.mount.id.as_deref().unwrap_or(self.target);
        let Some(seed) = self.seed.and_then(|seed| seed.identity) else {
            return Digest::of(id.as_bytes());
        };
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(seed.hash());
        hasher.update(id.as_bytes());
        hasher.finish()
    }

    /// The folder for this step: one that may be shared, one that nobody else has, or the one that is waited for.
    ///
    /// # Errors
    /// If it cannot be made; [`io::ErrorKind::Interrupted`] if the build is given up meanwhile.
    pub(super) fn folder(
        &self,
        root: &Path,
        cancellation: &Cancellation,
    ) -> io::Result<CacheFolder> {
        let all = root.join(FOLDER);
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&all)?;
        let canceled = || io::Error::from(io::ErrorKind::Interrupted);
        loop {
            if cancellation.is_canceled() {
                return Err(canceled());
            }
            let choosing = open_lock(&all.join("lock"))?;
            flock(&choosing, FlockOperation::LockExclusive)?;
            if let Some(folder) = self.choose(&all)? {
                return Ok(folder);
            }
            drop(choosing);
            if cancellation.is_canceled_within(LOOK_AGAIN) {
                return Err(canceled());
            }
        }
    }

    /// A folder that is free for this use; `None` if one must be waited for.
    fn choose(&self, all: &Path) -> io::Result<Option<CacheFolder>> {
        let key = self.key();
        let how = match self.mount.sharing.unwrap_or(Sharing::Shared) {
            Sharing::Shared => FlockOperation::NonBlockingLockShared,
            Sharing::Private | Sharing::Locked => FlockOperation::NonBlockingLockExclusive,
        };
        for number in 0..FOLDERS_LIMIT {
            let name = match number {
                0 => key.hex().clone(),
                number => format!("{}-{number}", key.hex()),
            };
            let path = all.join(&name);
            let exists = path.symlink_metadata().is_ok();
            if !exists && number > 0 && self.mount.sharing == Some(Sharing::Locked) {
                return Ok(None);
            }
            let lock = open_lock(&all.join(format!("{name}.lock")))?;
            match flock(&lock, how) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => continue,
                Err(error) => return Err(error.into()),
            }
            if !exists {
                self.make(all, &path)?;
            }
            // when it was used last, for whoever looks for what may go
            rustix::fs::futimens(&lock, &NOW)?;
            let named = name_file(all, &name);
            if !named.exists() {
                let id = self.mount.id.as_deref().unwrap_or(self.target);
                wharf_blobs::write_file(&named, id.as_bytes(), 0o600)?;
            }
            return Ok(Some(CacheFolder { path, _lock: lock }));
        }
        Err(io::Error::other(format!(
            "{FOLDERS_LIMIT} steps have the cache {} at the same time",
            self.target
        )))
    }

    /// Makes a folder with what is in it at first. What a killed build had begun is begun anew.
    fn make(&self, all: &Path, path: &Path) -> io::Result<()> {
        let new = all.join("new");
        match wharf_layers::remove_tree(File::open(all)?, std::ffi::OsStr::new("new")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(seed) = self.seed {
            materialize(&seed.selected, &new)?;
        } else {
            std::fs::DirBuilder::new().mode(0o700).create(&new)?;
        }
        let mount = self.mount;
        if mount.mode.is_some() || self.seed.is_none() {
            let mode = mount.mode.unwrap_or(MODE);
            std::fs::set_permissions(&new, std::fs::Permissions::from_mode(mode))?;
        }
        if (mount.user.is_some() || mount.group.is_some()) && rustix::process::geteuid().is_root() {
            let owner = (mount.user.unwrap_or(0), mount.group.unwrap_or(0));
            std::os::unix::fs::chown(&new, Some(owner.0), Some(owner.1))?;
        }
        std::fs::rename(&new, path)
    }
}

/// Where the cache's name is written, beside its folder.
pub(super) fn name_file(all: &Path, name: &str) -> PathBuf {
    all.join(format!("{name}.name"))
}

/// The present, as the kernel knows it.
const NOW: rustix::fs::Timestamps = {
    let now = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: rustix::fs::UTIME_NOW,
    };
    rustix::fs::Timestamps {
        last_access: now,
        last_modification: now,
    }
};

pub(super) fn open_lock(path: &Path) -> io::Result<File> {
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(sharing: &str) -> Mount {
        let text = format!("type=cache,target=/c,sharing={sharing}");
        Mount::parse(&text, &mut |value| Ok(value.to_owned())).unwrap()
    }

    fn wanted(mount: &Mount) -> WantedCache<'_> {
        WantedCache {
            mount,
            target: "/c",
            seed: None,
        }
    }

    #[test]
    fn folders_are_shared_private_or_waited_for() {
        let root = tempfile::tempdir().unwrap();
        let none = Cancellation::default();
        let get = |mount: &Mount| wanted(mount).folder(root.path(), &none).unwrap();
        let (shared, private, locked) = (mount("shared"), mount("private"), mount("locked"));
        let one = get(&shared);
        let two = get(&shared);
        assert_eq!(one.path, two.path);
        let own = get(&private);
        assert_ne!(own.path, one.path);
        let another = get(&private);
        assert_ne!(another.path, own.path);
        let first = one.path.clone();
        drop((one, two));
        // Of three folders one is free.
        let alone = get(&locked);
        assert_eq!(alone.path, first);
        let all = root.path().join("cache-mounts");
        assert!(wanted(&locked).choose(&all).unwrap().is_none());
        drop(own);
        // What is free is taken again, and nothing new is made.
        let again = get(&locked);
        drop((again, alone, another));
        let folders = std::fs::read_dir(&all).unwrap().filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            path.is_dir()
        });
        assert_eq!(folders.count(), 3);
    }

    #[test]
    fn who_waits_can_be_called_off() {
        let root = tempfile::tempdir().unwrap();
        let locked = mount("locked");
        let cancellation = Cancellation::default();
        let _held = wanted(&locked).folder(root.path(), &cancellation).unwrap();
        cancellation.cancel();
        let error = wanted(&locked)
            .folder(root.path(), &cancellation)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }
}
