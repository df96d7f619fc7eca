//! Where an archive is unpacked, and how the folders of its entries are found.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// A folder below a root that is not left, whatever links say and whoever changes the tree meanwhile.
#[derive(Debug)]
pub struct ExtractPlace {
    /// What paths are resolved from.
    root: OwnedFd,
    /// The folder below it.
    folder: PathBuf,
    /// How links in the way are treated.
    resolve: ResolveFlags,
    /// How the folder is called in errors.
    pub(super) shown: PathBuf,
    /// The folder that was found last, and its path in the archive.
    last: Option<(PathBuf, OwnedFd)>,
}

impl ExtractPlace {
    /// A folder of a container: links in the way are followed, within `root`, which they take for `/`.
    pub fn within(root: OwnedFd, folder: &Path) -> Self {
        let below = folder.strip_prefix("/").unwrap_or(folder);
        Self {
            root,
            folder: below.to_path_buf(),
            resolve: ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
            shown: folder.to_path_buf(),
            last: None,
        }
    }

    /// A folder of this machine, for an archive that is not trusted: no link in the way is followed.
    pub fn beneath(folder: OwnedFd, shown: &Path) -> Self {
        Self {
            root: folder,
            folder: PathBuf::new(),
            resolve: ResolveFlags::BENEATH
                | ResolveFlags::NO_SYMLINKS
                | ResolveFlags::NO_MAGICLINKS,
            shown: shown.to_path_buf(),
            last: None,
        }
    }

    /// The folder that an entry is in, made with everything above it where it is missing. `path` is clean and relative.
    pub(super) fn folder_of(&mut self, path: &Path) -> Result<OwnedFd, Errno> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if let Some((known, opened)) = &self.last
            && known == parent
        {
            return rustix::io::fcntl_dupfd_cloexec(opened.as_fd(), 0);
        }
        let opened = match self.open(parent) {
            Err(Errno::NOENT) => {
                self.make(parent)?;
                self.open(parent)?
            }
            other => other?,
        };
        let copy = rustix::io::fcntl_dupfd_cloexec(opened.as_fd(), 0)?;
        self.last = Some((parent.to_path_buf(), copy));
        Ok(opened)
    }

    /// Forgets what was found last: it may not be what has the name any more.
    pub(super) fn forget(&mut self) {
        self.last = None;
    }

    fn open(&self, path: &Path) -> Result<OwnedFd, Errno> {
        let path = self.folder.join(path);
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &path
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat2(&self.root, path, flags, Mode::empty(), self.resolve)
    }

    /// Folders that the archive does not speak of: mode 0755.
    fn make(&self, path: &Path) -> Result<(), Errno> {
        let mut above = PathBuf::new();
        for name in path {
            let folder = self.open(&above)?;
            match rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => above.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The path of an entry as it is meant: without `.`, `..` and slashes in front. `None` if it leads out of the folder.
pub(super) fn clean(name: &[u8]) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => (),
            // As Go cleans a path that begins with a slash: above the top there is nothing.
            b".." if clean.as_os_str().is_empty() && name.starts_with(b"/") => (),
            b".." => {
                if !clean.pop() {
                    return None;
                }
            }
            part => clean.push(OsStr::from_bytes(part)),
        }
    }
    Some(clean)
}

/// What has a name in a folder, itself if it is a link.
pub(super) fn there(folder: &OwnedFd, name: &OsStr) -> Result<Option<rustix::fs::Stat>, Errno> {
    match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_as_go_cleans_them() {
        for (name, expected) in [
            ("a/b", Some("a/b")),
            ("./", Some("")),
            ("/a//b/./c/", Some("a/b/c")),
            ("a/../b", Some("b")),
            ("/../a", Some("a")),
            ("../a", None),
            ("a/../../b", None),
        ] {
            assert_eq!(
                clean(name.as_bytes()),
                expected.map(PathBuf::from),
                "{name}"
            );
        }
    }
}
