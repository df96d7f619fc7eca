//! Comparing two trees entry by entry: type, mode, owner, size, time, link, device, attributes, content.
//!
//! Times of folders are not compared: a layer need not mention the folders that its files lie in.

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, readlinkat, statat};
use rustix::io::Errno;

/// More than so many differences are not looked for.
const DIFFERENCES_LIMIT: usize = 20;
const BUFFER_BYTES: usize = 1 << 17;

/// One entry that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeDifference {
    /// Within the tree; empty for its root.
    pub path: PathBuf,
    /// What about it.
    pub kind: DifferenceKind,
}

/// What about an entry is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DifferenceKind {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It should not be there.
    #[error("should not be there")]
    Extra,
    /// A file where a folder should be, and the like.
    #[error("has another type")]
    Type,
    /// Its permissions.
    #[error("has other permissions")]
    Mode,
    /// Its user or group.
    #[error("has another owner")]
    Owner,
    /// Its length.
    #[error("has another size")]
    Size,
    /// When it was last changed.
    #[error("has another modification time")]
    Time,
    /// Where a symbolic link leads, or which device it is.
    #[error("leads elsewhere")]
    Target,
    /// How many names the same file has.
    #[error("has other hard links")]
    Links,
    /// Its extended attributes.
    #[error("has other extended attributes")]
    Attributes,
    /// Its bytes.
    #[error("has other content")]
    Content,
}

/// What in `actual` is not as in `expected`; at most twenty entries are named.
pub(super) fn compare_trees(
    expected: BorrowedFd<'_>,
    actual: BorrowedFd<'_>,
) -> io::Result<Vec<TreeDifference>> {
    let mut comparison = Comparison {
        expected,
        actual,
        folders: Vec::new(),
        differences: Vec::new(),
        buffers: [vec![0; BUFFER_BYTES], vec![0; BUFFER_BYTES]],
    };
    comparison.entry(b".")?;
    while let Some(folder) = comparison.folders.pop() {
        comparison.folder(&folder)?;
        if comparison.differences.len() >= DIFFERENCES_LIMIT {
            break;
        }
    }
    comparison.differences.truncate(DIFFERENCES_LIMIT);
    Ok(comparison.differences)
}

struct Comparison<'a> {
    expected: BorrowedFd<'a>,
    actual: BorrowedFd<'a>,
    // Paths of folders that are in both and not yet looked into: not descriptors, however deep.
    folders: Vec<Vec<u8>>,
    differences: Vec<TreeDifference>,
    buffers: [Vec<u8>; 2],
}

impl Comparison<'_> {
    fn folder(&mut self, path: &[u8]) -> io::Result<()> {
        let expected = names(self.expected, path)?;
        let actual = names(self.actual, path)?;
        for name in actual.difference(&expected) {
            self.differs(&joined(path, name), DifferenceKind::Extra);
        }
        for name in &expected {
            let path = joined(path, name);
            if actual.contains(name) {
                self.entry(&path)?;
            } else {
                self.differs(&path, DifferenceKind::Missing);
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &[u8]) -> io::Result<()> {
        let name = CString::new(path)?;
        let expected = statat(self.expected, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        let actual = statat(self.actual, &name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(expected.st_mode);
        if kind == FileType::Directory && FileType::from_raw_mode(actual.st_mode) == kind {
            self.folders.push(path.to_vec());
        }
        let difference = match self.metadata(kind, &expected, &actual) {
            None => self.inside(kind, &name)?,
            some => some,
        };
        if let Some(difference) = difference {
            self.differs(path, difference);
        }
        Ok(())
    }

    #[expect(
        clippy::unused_self,
        reason = "a step of the comparison as the others are"
    )]
    fn metadata(&self, kind: FileType, a: &Stat, b: &Stat) -> Option<DifferenceKind> {
        let is_folder = kind == FileType::Directory;
        let is_whiteout = kind == FileType::CharacterDevice && a.st_rdev == 0;
        let checks = [
            (
                DifferenceKind::Type,
                kind == FileType::from_raw_mode(b.st_mode),
            ),
            (DifferenceKind::Mode, a.st_mode == b.st_mode),
            (
                DifferenceKind::Owner,
                (a.st_uid, a.st_gid) == (b.st_uid, b.st_gid),
            ),
            (DifferenceKind::Size, is_folder || a.st_size == b.st_size),
            (DifferenceKind::Target, a.st_rdev == b.st_rdev),
            // Whiteouts are one file under many names, in numbers that depend on the file system.
            (
                DifferenceKind::Links,
                is_folder || is_whiteout || a.st_nlink == b.st_nlink,
            ),
            (
                DifferenceKind::Time,
                is_folder
                    || is_whiteout
                    || (a.st_mtime, a.st_mtime_nsec) == (b.st_mtime, b.st_mtime_nsec),
            ),
        ];
        checks
            .into_iter()
            .find(|(_, same)| !same)
            .map(|(kind, _)| kind)
    }

    fn inside(&mut self, kind: FileType, name: &CStr) -> io::Result<Option<DifferenceKind>> {
        if attributes(self.expected, name)? != attributes(self.actual, name)? {
            return Ok(Some(DifferenceKind::Attributes));
        }
        match kind {
            FileType::Symlink => {
                let expected = readlinkat(self.expected, name, Vec::new())?;
                let actual = readlinkat(self.actual, name, Vec::new())?;
                Ok((expected != actual).then_some(DifferenceKind::Target))
            }
            FileType::RegularFile => {
                let same = self.same_content(name)?;
                Ok((!same).then_some(DifferenceKind::Content))
            }
            _ => Ok(None),
        }
    }

    fn same_content(&mut self, name: &CStr) -> io::Result<bool> {
        let (Some(mut expected), Some(mut actual)) = (
            open_file(self.expected, name)?,
            open_file(self.actual, name)?,
        ) else {
            return Ok(true);
        };
        let [left, right] = &mut self.buffers;
        loop {
            let count = expected.read(left)?;
            let (Some(wanted), Some(found)) = (left.get(..count), right.get_mut(..count)) else {
                return Ok(false);
            };
            if count == 0 {
                return Ok(actual.read(right)? == 0);
            }
            match actual.read_exact(found) {
                Ok(()) if wanted == &*found => (),
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    fn differs(&mut self, path: &[u8], kind: DifferenceKind) {
        let path = if path == b"." { &[][..] } else { path };
        self.differences.push(TreeDifference {
            path: PathBuf::from(OsStr::from_bytes(path)),
            kind,
        });
    }
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder == b"." {
        return name.to_vec();
    }
    [folder, b"/", name].concat()
}

fn names(tree: BorrowedFd<'_>, path: &[u8]) -> io::Result<BTreeSet<Vec<u8>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder: OwnedFd = openat(tree, path, flags, Mode::empty())?;
    let mut names = BTreeSet::new();
    for entry in Dir::new(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") {
            names.insert(name.to_vec());
        }
    }
    Ok(names)
}

// `None` for a file that its owner may not read: it cannot be compared further.
fn open_file(tree: BorrowedFd<'_>, name: &CStr) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match openat(tree, name, flags, Mode::empty()) {
        Ok(file) => Ok(Some(File::from(file))),
        Err(Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

// Names and values. There is no call that takes a folder's descriptor and a name, but `/proc` has a
// path for every descriptor.
fn attributes(tree: BorrowedFd<'_>, name: &CStr) -> io::Result<BTreeSet<(Vec<u8>, Vec<u8>)>> {
    let mut path = format!("/proc/self/fd/{}/", tree.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let mut list = vec![0; 1 << 16];
    let length = match rustix::fs::llistxattr(&*path, &mut *list) {
        Ok(length) => length,
        // A file system without attributes.
        Err(Errno::NOTSUP) => 0,
        // The way through `/proc` makes the path too long for the kernel.
        Err(Errno::NAMETOOLONG) => return Ok(BTreeSet::new()),
        Err(error) => return Err(error.into()),
    };
    list.truncate(length);
    let mut found = BTreeSet::new();
    for name in list
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
    {
        let mut value = vec![0; 1 << 16];
        match rustix::fs::lgetxattr(&*path, name, &mut *value) {
            Ok(length) => value.truncate(length),
            Err(Errno::NODATA | Errno::ACCESS) => continue,
            Err(error) => return Err(error.into()),
        }
        found.insert((name.to_vec(), value));
    }
    Ok(found)
}

#[cfg(test)]
#[expect(
    clippy::large_stack_arrays,
    clippy::type_complexity,
    reason = "content and tables of tests"
)]
mod tests {
    use std::io::Write as _;
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use super::*;

    fn fill(root: &Path) {
        std::fs::create_dir_all(root.join("folder/inner")).unwrap();
        write(&root.join("folder/file"), b"content");
        write(&root.join("folder/inner/deep"), &[7; 300_000]);
        symlink("folder/file", root.join("link")).unwrap();
    }

    fn write(path: &Path, content: &[u8]) {
        let mut file = File::create(path).unwrap();
        file.write_all(content).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
            .unwrap();
    }

    fn differences(change: impl Fn(&Path)) -> Vec<(String, DifferenceKind)> {
        let [expected, actual] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        fill(expected.path());
        // The link's own time cannot be set with the standard library: one link for both.
        fill(actual.path());
        let same_link = |root: &Path| {
            let times = rustix::fs::Timestamps {
                last_access: rustix::fs::Timespec {
                    tv_sec: 1,
                    tv_nsec: 0,
                },
                last_modification: rustix::fs::Timespec {
                    tv_sec: 1,
                    tv_nsec: 0,
                },
            };
            let link = root.join("link");
            if link.is_symlink() {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                rustix::fs::utimensat(rustix::fs::CWD, &link, &times, flags).unwrap();
            }
        };
        change(actual.path());
        same_link(expected.path());
        same_link(actual.path());
        let [expected, actual] = [expected.path(), actual.path()].map(|p| File::open(p).unwrap());
        compare_trees(expected.as_fd(), actual.as_fd())
            .unwrap()
            .into_iter()
            .map(|difference| {
                (
                    difference.path.to_str().unwrap().to_owned(),
                    difference.kind,
                )
            })
            .collect()
    }

    #[test]
    fn equal_trees_have_no_differences() {
        assert_eq!(differences(|_| ()), []);
    }

    #[test]
    fn every_kind_of_damage_is_found() {
        use DifferenceKind as D;
        let cases: [(&dyn Fn(&Path), &str, D); 9] = [
            (
                &|root| std::fs::remove_file(root.join("link")).unwrap(),
                "link",
                D::Missing,
            ),
            (
                &|root| write(&root.join("folder/new"), b""),
                "folder/new",
                D::Extra,
            ),
            (
                &|root| write(&root.join("folder/file"), b"conten"),
                "folder/file",
                D::Size,
            ),
            (
                &|root| write(&root.join("folder/file"), b"CONTENT"),
                "folder/file",
                D::Content,
            ),
            (
                &|root| {
                    let mut content = [7; 300_000];
                    content[299_999] = 8;
                    write(&root.join("folder/inner/deep"), &content);
                },
                "folder/inner/deep",
                D::Content,
            ),
            (
                &|root| {
                    let mode = std::fs::Permissions::from_mode(0o600);
                    std::fs::set_permissions(root.join("folder/file"), mode).unwrap();
                },
                "folder/file",
                D::Mode,
            ),
            (
                &|root| {
                    let file = File::options()
                        .write(true)
                        .open(root.join("folder/file"))
                        .unwrap();
                    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
                },
                "folder/file",
                D::Time,
            ),
            (
                &|root| {
                    std::fs::remove_file(root.join("link")).unwrap();
                    symlink("folder/FILE", root.join("link")).unwrap();
                },
                "link",
                D::Target,
            ),
            (
                &|root| {
                    std::fs::remove_dir_all(root.join("folder/inner")).unwrap();
                    write(&root.join("folder/inner"), b"");
                },
                "folder/inner",
                D::Type,
            ),
        ];
        for (change, path, kind) in cases {
            assert_eq!(
                differences(change).first(),
                Some(&(path.to_owned(), kind)),
                "{kind:?}"
            );
        }
    }
}
