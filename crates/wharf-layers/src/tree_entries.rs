//! A file tree of this machine as the entries of an archive: of a container's changes, a layer; of what it shows, an export.
//!
//! Names are read in the order of their bytes, a folder before what is in it, and nothing is followed: every file is opened from
//! the descriptor of its folder.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::apply::{Flavour, REMEMBERED_XATTR, RememberedMetadata};
use crate::tar::{Device, Entry, EntryKind, TarWriter, Timestamp, Xattr};

/// Folders within folders at most.
const DEPTH_LIMIT: usize = 1024;
/// What the names, and what one value of extended attributes may take.
const ATTRIBUTE_LIMIT_BYTES: usize = 64 << 10;
const WHITEOUT_PREFIX: &[u8] = b".wh.";
const OPAQUE_WHITEOUT: &[u8] = b".wh..wh..opq";

/// What a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// What overlayfs wrote above other layers: its marks mean that something is gone.
    Changes(Flavour),
    /// Files as they are.
    Plain,
}

/// One entry of a tree.
#[derive(Debug)]
pub struct TreeEntry {
    /// What an archive says of it. Folders end in a slash; there is no slash in front.
    pub entry: Entry,
    /// Its content, of a regular file.
    pub content: Option<File>,
    /// Whether something of a lower layer is gone.
    pub removal: Option<Removal>,
}

/// What of lower layers is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// What had the name that stands behind `.wh.`.
    Name,
    /// Everything that was in the folder in which the entry stands.
    FolderContent,
}

/// Calls `visit` with every entry below `root`, in order. What `wanted` refuses by its path (without a slash in front or behind)
/// is left out, with what is below.
pub fn for_each_entry(
    root: impl AsFd,
    kind: TreeKind,
    wanted: &dyn Fn(&[u8]) -> bool,
    visit: &mut dyn FnMut(TreeEntry) -> io::Result<()>,
) -> io::Result<()> {
    let mut walk = Walk {
        kind,
        wanted,
        visit,
        links: HashMap::new(),
    };
    walk.folder(root.as_fd(), &[], 0)
}

/// Writes every entry below `root` as [`for_each_entry`] gives them; `change` may alter them before. The archive is not ended.
pub fn archive_tree<W: Write>(
    root: impl AsFd,
    kind: TreeKind,
    wanted: &dyn Fn(&[u8]) -> bool,
    change: &dyn Fn(&mut Entry),
    writer: &mut TarWriter<W>,
) -> io::Result<()> {
    for_each_entry(root, kind, wanted, &mut |mut found| {
        change(&mut found.entry);
        match found.content {
            Some(content) => writer.append(&found.entry, content),
            None => writer.append_bytes(&found.entry, &[]),
        }
    })
}

/// Writes what has the name `name` in `folder`, with everything below it, under the name `called`: what `cp` carries. Whole seconds are
/// told, as Docker tells them. The archive is not ended.
pub fn archive_named<W: Write>(
    folder: impl AsFd,
    kind: TreeKind,
    name: &OsStr,
    called: &[u8],
    writer: &mut TarWriter<W>,
) -> io::Result<()> {
    let name = CString::new(name.as_bytes())?;
    let mut visit = |mut found: TreeEntry| {
        found.entry.modified.nanoseconds = 0;
        match found.content {
            Some(content) => writer.append(&found.entry, content),
            None => writer.append_bytes(&found.entry, &[]),
        }
    };
    let mut walk = Walk {
        kind,
        wanted: &|_| true,
        visit: &mut visit,
        links: HashMap::new(),
    };
    walk.entry(folder.as_fd(), &name, called.to_vec(), 0)
}

struct Walk<'a> {
    kind: TreeKind,
    wanted: &'a dyn Fn(&[u8]) -> bool,
    visit: &'a mut dyn FnMut(TreeEntry) -> io::Result<()>,
    /// The first name of each file that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: BorrowedFd<'_>, path: &[u8], depth: usize) -> io::Result<()> {
        if depth > DEPTH_LIMIT {
            return Err(io::Error::other("folders are nested too deep"));
        }
        for name in sorted_names(folder)? {
            let mut inner = path.to_vec();
            if !inner.is_empty() {
                inner.push(b'/');
            }
            inner.extend_from_slice(name.as_bytes());
            if (self.wanted)(&inner) {
                self.entry(folder, &name, inner, depth)?;
            }
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &CString,
        path: Vec<u8>,
        depth: usize,
    ) -> io::Result<()> {
        let stat = match rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            // It went while we looked.
            Err(Errno::NOENT) => return Ok(()),
            other => other?,
        };
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY;
                let opened = rustix::fs::openat(folder, name, flags, Mode::empty())?;
                self.visit_folder(&opened, &stat, &path, depth)
            }
            FileType::RegularFile => {
                // Nobody waits for the other end, should somebody have put a pipe there meanwhile.
                let flags = flags | OFlags::RDONLY | OFlags::NONBLOCK;
                let opened = rustix::fs::openat(folder, name, flags, Mode::empty())?;
                self.visit_file(opened, &stat, path)
            }
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(folder, name, Vec::new())?;
                let mut entry = self.described(&stat, path, EntryKind::Symlink, None)?;
                entry.link_target = target.into_bytes();
                self.give(entry, None)
            }
            FileType::CharacterDevice if self.is_whiteout(&stat) => self.give_removal(path),
            FileType::CharacterDevice => self.visit_device(&stat, path, EntryKind::CharacterDevice),
            FileType::BlockDevice => self.visit_device(&stat, path, EntryKind::BlockDevice),
            FileType::Fifo => {
                let entry = self.described(&stat, path, EntryKind::Fifo, None)?;
                self.give(entry, None)
            }
            // A socket means nothing without who listens, and an archive has no word for it.
            _ => Ok(()),
        }
    }

    fn visit_folder(
        &mut self,
        opened: &OwnedFd,
        stat: &Stat,
        path: &[u8],
        depth: usize,
    ) -> io::Result<()> {
        let mut entry = self.described(stat, path.to_vec(), EntryKind::Directory, Some(opened))?;
        entry.name.push(b'/');
        self.give(entry, None)?;
        if self.is_opaque(opened)? {
            let mut name = path.to_vec();
            name.push(b'/');
            name.extend_from_slice(OPAQUE_WHITEOUT);
            (self.visit)(removal(name, Removal::FolderContent))?;
        }
        self.folder(opened.as_fd(), path, depth + 1)
    }

    fn visit_file(&mut self, opened: OwnedFd, stat: &Stat, path: Vec<u8>) -> io::Result<()> {
        if let TreeKind::Changes(flavour) = self.kind
            && attribute(&opened, flavour.whiteout_attribute())?.is_some()
        {
            return self.give_removal(path);
        }
        let mut entry = self.described(stat, path, EntryKind::File, Some(&opened))?;
        // Of a device that an ordinary user could not make, a file stands for it.
        if entry.kind != EntryKind::File {
            return self.give(entry, None);
        }
        entry.size_bytes = u64::try_from(stat.st_size).unwrap_or_default();
        if stat.st_nlink > 1 {
            let file = (stat.st_dev, stat.st_ino);
            if let Some(first) = self.links.get(&file) {
                entry.link_target.clone_from(first);
                entry.kind = EntryKind::HardLink;
                entry.size_bytes = 0;
                return self.give(entry, None);
            }
            self.links.insert(file, entry.name.clone());
        }
        self.give(entry, Some(File::from(opened)))
    }

    fn visit_device(&mut self, stat: &Stat, path: Vec<u8>, kind: EntryKind) -> io::Result<()> {
        let mut entry = self.described(stat, path, kind, None)?;
        entry.device = Device {
            major: rustix::fs::major(stat.st_rdev),
            minor: rustix::fs::minor(stat.st_rdev),
        };
        self.give(entry, None)
    }

    fn give(&mut self, entry: Entry, content: Option<File>) -> io::Result<()> {
        (self.visit)(TreeEntry {
            entry,
            content,
            removal: None,
        })
    }

    fn give_removal(&mut self, mut path: Vec<u8>) -> io::Result<()> {
        let name_at = path
            .iter()
            .rposition(|byte| *byte == b'/')
            .map_or(0, |at| at + 1);
        path.splice(name_at..name_at, WHITEOUT_PREFIX.iter().copied());
        (self.visit)(removal(path, Removal::Name))
    }

    fn is_whiteout(&self, stat: &Stat) -> bool {
        matches!(self.kind, TreeKind::Changes(_)) && stat.st_rdev == 0
    }

    fn is_opaque(&self, folder: &OwnedFd) -> io::Result<bool> {
        let TreeKind::Changes(flavour) = self.kind else {
            return Ok(false);
        };
        let value = attribute(folder, flavour.opaque_attribute())?;
        Ok(value.is_some_and(|value| value == b"y"))
    }

    /// What the file itself says, or what is remembered of it where an ordinary user could not make it so.
    fn described(
        &self,
        stat: &Stat,
        name: Vec<u8>,
        kind: EntryKind,
        opened: Option<&OwnedFd>,
    ) -> io::Result<Entry> {
        let mut entry = Entry {
            name,
            kind,
            mode: stat.st_mode & 0o7777,
            modified: Timestamp {
                seconds: stat.st_mtime,
                nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
            },
            ..Entry::default()
        };
        let flavour = match self.kind {
            TreeKind::Changes(flavour) => flavour,
            TreeKind::Plain => Flavour::Root,
        };
        (entry.user_id, entry.group_id) = flavour.owner((stat.st_uid, stat.st_gid));
        let Some(opened) = opened else {
            return Ok(entry);
        };
        entry.xattrs = attributes(opened)?;
        if flavour.is_users()
            && let Some(value) = attribute(opened, REMEMBERED_XATTR)?
            && let Some(remembered) = RememberedMetadata::from_bytes(&value)
        {
            remember(&mut entry, remembered);
        }
        Ok(entry)
    }
}

fn remember(entry: &mut Entry, remembered: RememberedMetadata) {
    entry.user_id = remembered.user_id;
    entry.group_id = remembered.group_id;
    entry.mode = remembered.mode & 0o7777;
    entry.device = remembered.device;
    entry.xattrs.extend(remembered.xattrs);
    match FileType::from_raw_mode(remembered.mode) {
        FileType::CharacterDevice => entry.kind = EntryKind::CharacterDevice,
        FileType::BlockDevice => entry.kind = EntryKind::BlockDevice,
        _ => (),
    }
}

fn removal(name: Vec<u8>, removal: Removal) -> TreeEntry {
    TreeEntry {
        entry: Entry {
            name,
            ..Entry::default()
        },
        content: None,
        removal: Some(removal),
    }
}

fn sorted_names(folder: BorrowedFd<'_>) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn attribute(file: &OwnedFd, name: &str) -> io::Result<Option<Vec<u8>>> {
    let mut value = vec![0; ATTRIBUTE_LIMIT_BYTES];
    match rustix::fs::fgetxattr(file, name, &mut value[..]) {
        Ok(length) => {
            value.truncate(length);
            Ok(Some(value))
        }
        Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The attributes that layers keep: those of people, and capabilities of programs. Marks of overlayfs and ours stay here.
fn attributes(file: &OwnedFd) -> io::Result<Vec<Xattr>> {
    let mut list = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
    let length = match rustix::fs::flistxattr(file, &mut list[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => 0,
        Err(error) => return Err(error.into()),
    };
    let mut found = Vec::new();
    for name in list
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        let kept = name == b"security.capability"
            || (name.starts_with(b"user.")
                && !name.starts_with(b"user.overlay.")
                && name != REMEMBERED_XATTR.as_bytes());
        if !kept {
            continue;
        }
        let mut value = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
        let length = rustix::fs::fgetxattr(file, OsStr::from_bytes(name), &mut value[..])?;
        value.truncate(length);
        found.push(Xattr {
            name: name.to_vec(),
            value,
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(root: &std::path::Path, kind: TreeKind) -> Vec<String> {
        let opened = File::open(root).unwrap();
        let mut names = Vec::new();
        for_each_entry(&opened, kind, &|path| path != b"left/out", &mut |found| {
            let name = String::from_utf8(found.entry.name).unwrap();
            let target = String::from_utf8(found.entry.link_target).unwrap();
            names.push(if target.is_empty() {
                name
            } else {
                format!("{name} -> {target} {:?}", found.entry.kind)
            });
            Ok(())
        })
        .unwrap();
        names
    }

    #[test]
    fn entries_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(path("b/c")).unwrap();
        std::fs::create_dir_all(path("left/out/below")).unwrap();
        File::create(path("b.txt")).unwrap();
        File::create(path("b/file")).unwrap();
        std::fs::hard_link(path("b/file"), path("z")).unwrap();
        symlink("b", path("a")).unwrap();
        assert_eq!(
            names(folder.path(), TreeKind::Plain),
            [
                "a -> b Symlink",
                "b/",
                "b/c/",
                "b/file",
                "b.txt",
                "left/",
                "z -> b/file HardLink"
            ]
        );
    }

    #[test]
    fn an_archive_has_modes_and_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::io::Write::write_all(&mut File::create(&file).unwrap(), b"content").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4750)).unwrap();
        let mut writer = TarWriter::new(Vec::new());
        let root = File::open(folder.path()).unwrap();
        archive_tree(
            &root,
            TreeKind::Plain,
            &|_| true,
            &|entry| entry.user_id = 7,
            &mut writer,
        )
        .unwrap();
        let bytes = writer.finish().unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut entries = archive.entries().unwrap();
        let mut entry = entries.next().unwrap().unwrap();
        let mut content = String::new();
        std::io::Read::read_to_string(&mut entry, &mut content).unwrap();
        let header = entry.header();
        assert_eq!(
            (
                content.as_str(),
                header.mode().unwrap(),
                header.uid().unwrap()
            ),
            ("content", 0o4750, 7)
        );
        assert!(entries.next().is_none());
    }

    #[test]
    fn privileged_marks_of_overlayfs_become_whiteouts() {
        if !rustix::process::geteuid().is_root() {
            println!(
                "SKIPPED privileged_marks_of_overlayfs_become_whiteouts: whiteouts are devices"
            );
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let root = File::open(folder.path()).unwrap();
        let mode = Mode::from_raw_mode(0);
        std::fs::create_dir_all(folder.path().join("d/e")).unwrap();
        rustix::fs::mknodat(&root, "d/gone", FileType::CharacterDevice, mode, 0).unwrap();
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(
            folder.path().join("d/e"),
            "trusted.overlay.opaque",
            b"y",
            flags,
        )
        .unwrap();
        let kind = TreeKind::Changes(Flavour::Root);
        assert_eq!(
            names(folder.path(), kind),
            ["d/", "d/e/", "d/e/.wh..wh..opq", "d/.wh.gone"]
        );
    }
}
