//! The open directories that entries are created in.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::path::below;

/// More open directories than this are never held, however deep a tree is.
const LEVELS_LIMIT: usize = 32;

/// A cache of open directories: those on the way to the directory that was used last.
///
/// Archives list the files of a directory together, so that nearly every file finds its directory
/// open, and every directory its parent. What is not held is opened from the nearest ancestor with
/// one system call, which the kernel refuses to let out of the tree or through a symbolic link.
#[derive(Debug)]
pub(super) struct DirectoryCache<'a> {
    root: BorrowedFd<'a>,
    path: Vec<u8>,
    // Each level: how many bytes of `path` lead to it.
    levels: Vec<(usize, OwnedFd)>,
}

impl<'a> DirectoryCache<'a> {
    pub(super) fn new(root: BorrowedFd<'a>) -> Self {
        Self {
            root,
            path: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// The directory at the canonical path `path`.
    pub(super) fn open(&mut self, path: &[u8]) -> Result<BorrowedFd<'_>, Errno> {
        while let Some((bytes, _)) = self.levels.last() {
            let held = self.path.get(..*bytes).unwrap_or_default();
            if below(path, held).is_some() {
                break;
            }
            self.levels.pop();
        }
        let held_bytes = self.levels.last().map_or(0, |(bytes, _)| *bytes);
        let held = self.path.get(..held_bytes).unwrap_or_default();
        let rest = below(path, held).unwrap_or(path);
        if !rest.is_empty() {
            let opened = open_beneath(self.nearest(), rest)?;
            if self.levels.len() == LEVELS_LIMIT {
                // The ones near the root are needed least once we are this deep.
                self.levels.remove(0);
            }
            self.path.clear();
            self.path.extend_from_slice(path);
            self.levels.push((path.len(), opened));
        }
        Ok(self.nearest())
    }

    /// Forgets everything, since a directory was removed.
    pub(super) fn clear(&mut self) {
        self.levels.clear();
        self.path.clear();
    }

    fn nearest(&self) -> BorrowedFd<'_> {
        self.levels
            .last()
            .map_or(self.root, |(_, level)| level.as_fd())
    }
}

/// Opens the directory `path` below `start`, never through a symbolic link.
pub(super) fn open_beneath(start: BorrowedFd<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    loop {
        match openat2(start, path, flags, Mode::empty(), resolve) {
            // A rename elsewhere in the system can make the kernel unsure whether `..` left the
            // tree; there is no `..` in our paths, but the answer is the same: try again.
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}
