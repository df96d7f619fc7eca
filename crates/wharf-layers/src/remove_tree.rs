//! Removes a directory tree: fast, without recursion, without following links, whatever its modes.

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, chmod, fchmod, openat, renameat, unlinkat,
};
use rustix::io::Errno;

/// More directories than this are never open at once, however deep the tree is.
const LEVELS_LIMIT: usize = 48;

/// How often a directory is looked at again that had become empty and is not: somebody else puts
/// files into it. Another process that removes the same deep tree does so at every level too many.
const RESCANS_LIMIT: u32 = 256;

/// Removes `name` in `parent`: a file, a symbolic link itself, or a directory with all that is in
/// it. It is no error if there is nothing of that name, nor if another process removes the same
/// tree meanwhile: what is gone is gone.
///
/// Directories that their owner may not read or write (mode 0) are given those rights first.
pub fn remove_tree(parent: impl AsFd, name: impl AsRef<OsStr>) -> io::Result<()> {
    remove(parent.as_fd(), name.as_ref().as_bytes()).map_err(Into::into)
}

/// The same, for names that are bytes.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_nul| Errno::INVAL)?;
    if let Some(top) = Level::enter(parent, &name)? {
        remove_levels(parent, top)?;
    }
    Ok(())
}

// Empties the tree from its leaves up. Directories that lie too deep are moved to the top first and
// emptied there, so that neither memory nor open files grow with the depth.
fn remove_levels(parent: BorrowedFd<'_>, top: Level) -> Result<(), Errno> {
    let mut levels = vec![top];
    let mut moved = 0_u64;
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.directories.pop() {
            if levels.len() < LEVELS_LIMIT {
                let current = levels.last().ok_or(Errno::INVAL)?;
                if let Some(inner) = Level::enter(current.directory.as_fd(), &name)? {
                    levels.push(inner);
                }
            } else {
                move_to_top(&mut levels, &name, &mut moved)?;
            }
            continue;
        }
        let Some(done) = levels.pop() else { break };
        let above = levels
            .last()
            .map_or(parent, |level| level.directory.as_fd());
        let again = done.leave(above)?;
        levels.extend(again);
    }
    Ok(())
}

fn move_to_top(levels: &mut [Level], name: &CStr, moved: &mut u64) -> Result<(), Errno> {
    let (Some(top), Some(current)) = (levels.first(), levels.last()) else {
        return Err(Errno::INVAL);
    };
    loop {
        *moved += 1;
        let new_name = format!(".wharf-removing-{moved}");
        let new_name = CString::new(new_name).map_err(|_nul| Errno::INVAL)?;
        match renameat(&current.directory, name, &top.directory, &new_name) {
            Ok(()) => {
                if let Some(top) = levels.first_mut() {
                    top.directories.push(new_name);
                }
                return Ok(());
            }
            // An ordinary user needs to write to a directory that moves, and to where it lies.
            Err(Errno::ACCESS) => {
                make_writable(top.directory.as_fd())?;
                make_writable(current.directory.as_fd())?;
                make_writable(open_any_mode(current.directory.as_fd(), name)?.as_fd())?;
                renameat(&current.directory, name, &top.directory, &new_name)?;
                if let Some(top) = levels.first_mut() {
                    top.directories.push(new_name);
                }
                return Ok(());
            }
            Err(Errno::NOENT) => return Ok(()),
            // The tree has such a name already; it may even be of use in a rerun.
            Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A directory that is being emptied.
struct Level {
    directory: OwnedFd,
    name: CString,
    /// Directories in it that are still there.
    directories: Vec<CString>,
    rescans: u32,
}

impl Level {
    // Removes `name` if it is no directory or an empty one, else enters it and removes its files.
    fn enter(parent: BorrowedFd<'_>, name: &CStr) -> Result<Option<Self>, Errno> {
        match unlink(parent, name) {
            Ok(()) | Err(Errno::NOENT) => return Ok(None),
            Err(Errno::ISDIR) => {}
            Err(error) => return Err(error),
        }
        let directory = match open_any_mode(parent, name) {
            Err(Errno::NOENT) => return Ok(None),
            other => other?,
        };
        let mut level = Self {
            directory,
            name: name.to_owned(),
            directories: Vec::new(),
            rescans: 0,
        };
        level.remove_files()?;
        Ok(Some(level))
    }

    // Removes the directory itself; gives it back if something has come into it.
    fn leave(mut self, parent: BorrowedFd<'_>) -> Result<Option<Self>, Errno> {
        loop {
            match unlinkat(parent, &self.name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => return Ok(None),
                Err(Errno::ACCESS) if self.rescans == 0 => {
                    make_writable(parent)?;
                    self.rescans += 1;
                }
                Err(Errno::NOTEMPTY | Errno::EXIST) if self.rescans < RESCANS_LIMIT => {
                    self.rescans += 1;
                    // By its name: another process may have moved another directory here.
                    self.directory = match open_any_mode(parent, &self.name) {
                        Err(Errno::NOENT) => return Ok(None),
                        other => other?,
                    };
                    self.remove_files()?;
                    return Ok(Some(self));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn remove_files(&mut self) -> Result<(), Errno> {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut entries = RawDir::new(&self.directory, &mut buffer);
        while let Some(entry) = entries.next() {
            let entry = match entry {
                // The directory itself has been removed since it was opened.
                Err(Errno::NOENT) => return Ok(()),
                other => other?,
            };
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let is_directory = entry.file_type() == FileType::Directory
                || match unlink(self.directory.as_fd(), name) {
                    Ok(()) | Err(Errno::NOENT) => false,
                    Err(Errno::ISDIR) => true,
                    Err(error) => return Err(error),
                };
            if is_directory {
                self.directories.push(name.to_owned());
            }
        }
        Ok(())
    }
}

// Removes what is no directory; `ISDIR` if it is one.
fn unlink(parent: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Err(Errno::ACCESS) => {
            make_writable(parent)?;
            unlinkat(parent, name, AtFlags::empty())
        }
        other => other,
    }
}

// Opens a directory for reading; its owner's rights are set if they are missing.
fn open_any_mode(parent: BorrowedFd<'_>, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(parent, name, flags, Mode::empty())?;
            make_writable(place.as_fd())?;
        }
        other => return other,
    }
    openat(parent, name, flags, Mode::empty())
}

fn make_writable(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    match fchmod(directory, Mode::RWXU) {
        // A descriptor that is only a place (`O_PATH`) is reached through its link, which leads to
        // the directory itself and not to its name, so that nothing can be put in between.
        Err(Errno::BADF) => {
            use std::os::fd::AsRawFd as _;
            let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
            chmod(link, Mode::RWXU)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{DirBuilder, File};
    use std::os::unix::fs::DirBuilderExt as _;
    use std::path::Path;

    use super::*;

    fn fill(tree: &Path, files: usize) {
        for folder in ["", "a", "b", "b/c"] {
            std::fs::create_dir_all(tree.join(folder)).unwrap();
            for file in 0..files {
                File::create(tree.join(folder).join(format!("{file}"))).unwrap();
            }
        }
        DirBuilder::new()
            .mode(0o000)
            .create(tree.join("closed"))
            .unwrap();
        let deep: String = ["deep/"; 3 * LEVELS_LIMIT].concat();
        std::fs::create_dir_all(tree.join(deep)).unwrap();
        std::os::unix::fs::symlink("/", tree.join("link")).unwrap();
    }

    #[test]
    fn a_tree_goes_with_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fill(&folder.path().join("tree"), 3);
        let parent = File::open(folder.path()).unwrap();
        remove_tree(&parent, "tree").unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // What is not there is removed already.
        remove_tree(&parent, "tree").unwrap();
    }

    #[test]
    fn several_remove_the_same_tree_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..8 {
            fill(&folder.path().join("tree"), 30);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| {
                        let parent = File::open(folder.path()).unwrap();
                        remove_tree(&parent, "tree").unwrap();
                    });
                }
            });
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }
}
