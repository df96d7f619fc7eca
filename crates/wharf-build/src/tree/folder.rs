//! A folder of this machine: a build's context, without what `.dockerignore` takes out.
//!
//! Every file is opened from the folder's descriptor, never through a symbolic link: whoever changes the folder meanwhile cannot
//! lead us out of it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fd::{AsFd as _, OwnedFd};
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, openat2, readlinkat, statat,
};
use rustix::io::Errno;
use wharf_images::FileIdentity;
use wharf_layers::{Device, Timestamp};

use super::node::{FileTree, Lookup, Node, NodeKind, Opened, OpenedContent, TreeError};
use super::path::{base_name, join, parent};
use crate::ignore::{ParentMatches, PatternMatcher};

/// How many files one directory may hold.
const MAXIMUM_CHILDREN: usize = 5_000_000;
/// The attribute that layers keep.
const CAPABILITY: &str = "security.capability";
/// As long as the kernel lets it be.
const MAXIMUM_CAPABILITY_BYTES: usize = 64;

/// What becomes of the permissions of files in a context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Modes {
    /// `0664` becomes `0644`, `0775` becomes `0755`: the two that a checkout gets under the masks 002 and 022. All others stay.
    #[default]
    WithoutMask,
    /// As they are.
    Preserved,
}

/// A folder of this machine. Everything in it belongs to root, as in every context.
#[derive(Debug)]
pub struct FolderTree {
    root: OwnedFd,
    path: PathBuf,
    modes: Modes,
    ignore: PatternMatcher,
    /// The patterns with their lines.
    patterns: Vec<(usize, String)>,
    folders: Mutex<HashMap<Vec<u8>, Arc<Folder>>>,
}

/// What is known of a directory on the way to a file.
#[derive(Debug)]
struct Folder {
    matches: ParentMatches,
    deciding: Option<usize>,
}

impl FolderTree {
    /// The folder at `path`, without what the patterns match. Each pattern has its line.
    ///
    /// # Errors
    /// If it is no folder that can be opened.
    pub fn open(
        path: &Path,
        modes: Modes,
        ignore: PatternMatcher,
        patterns: Vec<(usize, String)>,
    ) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())
            .map_err(|error| TreeError::io(path, error))?;
        Ok(Self {
            root,
            path: path.to_path_buf(),
            modes,
            ignore,
            patterns,
            folders: Mutex::default(),
        })
    }

    fn open_at(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        openat2(
            &self.root,
            name,
            flags | OFlags::CLOEXEC | OFlags::NOFOLLOW,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )
    }

    fn open_file(&self, path: &[u8]) -> Result<File, TreeError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = self.open_at(path, flags).map_err(self.failure(path))?;
        Ok(File::from(file))
    }

    fn on_disk(&self, path: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt as _;
        self.path.join(std::ffi::OsStr::from_bytes(path))
    }

    fn failure(&self, path: &[u8]) -> impl FnOnce(Errno) -> TreeError + use<> {
        let path = self.on_disk(path);
        move |error| TreeError::io(path, error)
    }

    /// Which patterns match a path, its folders first.
    fn folder(&self, path: &[u8]) -> Arc<Folder> {
        if path.is_empty() {
            return Arc::new(Folder {
                matches: ParentMatches::default(),
                deciding: None,
            });
        }
        let known = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(path) {
            return Arc::clone(found);
        }
        drop(known);
        let (deciding, matches) = self.matches(path);
        let found = Arc::new(Folder { matches, deciding });
        self.folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_vec(), Arc::clone(&found));
        found
    }

    fn matches(&self, path: &[u8]) -> (Option<usize>, ParentMatches) {
        let above = self.folder(parent(path));
        let text = String::from_utf8_lossy(path);
        self.ignore.matches_within(&text, &above.matches)
    }

    /// Whether a path is part of the context. A directory that is taken out is, if something in it is not.
    fn is_visible(&self, path: &[u8], node: &Node) -> Result<bool, TreeError> {
        if path.is_empty() || self.ignore.is_empty() {
            return Ok(true);
        }
        let deciding = if node.is_directory() {
            self.folder(path).deciding
        } else {
            self.matches(path).0
        };
        if deciding.is_none() {
            return Ok(true);
        }
        if !node.is_directory() || !self.ignore.takes_back() {
            return Ok(false);
        }
        Ok(!self.children(path)?.is_empty())
    }

    fn described(&self, folder: &OwnedFd, path: &[u8], stat: &Stat) -> Result<Node, TreeError> {
        let mut node = described(stat);
        node.mode = match (self.modes, node.kind, node.mode) {
            (Modes::WithoutMask, NodeKind::File, 0o664) => 0o644,
            (Modes::WithoutMask, NodeKind::File | NodeKind::Directory, 0o775) => 0o755,
            (_, _, mode) => mode,
        };
        (node.user, node.group) = (0, 0);
        if node.kind == NodeKind::Symlink {
            let target = readlinkat(folder, base_name(path), Vec::new());
            node.target = target.map_err(self.failure(path))?.into_bytes();
        }
        Ok(node)
    }
}

impl Lookup for FolderTree {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        let opened = self.open_at(parent(path), OFlags::PATH | OFlags::DIRECTORY);
        let folder = match opened {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
            Err(error) => return Err(self.failure(path)(error)),
        };
        let name: &[u8] = if path.is_empty() {
            b"."
        } else {
            base_name(path)
        };
        let stat = match statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(None),
            Err(error) => return Err(self.failure(path)(error)),
        };
        let node = self.described(&folder, path, &stat)?;
        Ok(self.is_visible(path, &node)?.then_some(node))
    }
}

impl FileTree for FolderTree {
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError> {
        let folder = self
            .open_at(path, OFlags::RDONLY | OFlags::DIRECTORY)
            .map_err(self.failure(path))?;
        let mut names = names_in(&folder, path).map_err(|error| match error {
            NamesError::Disk(error) => self.failure(path)(error),
            NamesError::TooMany(error) => error,
        })?;
        names.sort_unstable();
        let mut children = Vec::with_capacity(names.len());
        for name in names {
            let below = join(path, &name);
            let stat = match statat(&folder, name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // gone since the names were read
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(self.failure(&below)(error)),
            };
            let node = self.described(&folder, &below, &stat)?;
            if self.is_visible(&below, &node)? {
                children.push((name, node));
            }
        }
        Ok(children)
    }

    fn open(&self, path: &[u8]) -> Result<Opened, TreeError> {
        opened(self.open_file(path)?).map_err(self.failure(path))
    }

    fn open_content(&self, path: &[u8]) -> Result<OpenedContent, TreeError> {
        Ok(OpenedContent::Disk(self.open_file(path)?))
    }

    fn ignored_by(&self, path: &[u8]) -> Option<(usize, String)> {
        let deciding = self.matches(path).0?;
        self.patterns.get(deciding).cloned()
    }
}

/// What the kernel says of a file.
pub(super) fn described(stat: &Stat) -> Node {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => NodeKind::Directory,
        FileType::Symlink => NodeKind::Symlink,
        FileType::Fifo => NodeKind::Fifo,
        FileType::CharacterDevice => NodeKind::CharacterDevice,
        FileType::BlockDevice => NodeKind::BlockDevice,
        FileType::Socket => NodeKind::Socket,
        FileType::RegularFile | FileType::Unknown => NodeKind::File,
    };
    let is_file = kind == NodeKind::File;
    let size = if is_file {
        u64::try_from(stat.st_size).unwrap_or(0)
    } else {
        0
    };
    let is_device = matches!(kind, NodeKind::CharacterDevice | NodeKind::BlockDevice);
    let nanoseconds = |seconds: i64, rest: u64| {
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::try_from(rest).unwrap_or_default())
    };
    Node {
        kind,
        mode: stat.st_mode & 0o7777,
        user: stat.st_uid,
        group: stat.st_gid,
        size,
        modified: Timestamp {
            seconds: stat.st_mtime,
            nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or_default(),
        },
        device: if is_device {
            Device {
                major: rustix::fs::major(stat.st_rdev),
                minor: rustix::fs::minor(stat.st_rdev),
            }
        } else {
            Device::default()
        },
        target: Vec::new(),
        names: stat.st_nlink,
        identity: is_file.then(|| FileIdentity {
            device: stat.st_dev,
            inode: stat.st_ino,
            size,
            changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
            modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
        }),
        digest: None,
    }
}

/// A file that is open, with its attribute.
pub(super) fn opened(file: File) -> Result<Opened, Errno> {
    let mut value = [0; MAXIMUM_CAPABILITY_BYTES];
    let capability = match rustix::fs::fgetxattr(file.as_fd(), CAPABILITY, &mut value) {
        Ok(length) => value.get(..length).map(<[u8]>::to_vec),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => None,
        Err(error) => return Err(error),
    };
    Ok(Opened {
        content: OpenedContent::Disk(file),
        capability,
    })
}

/// Why the names in a directory cannot be told.
pub(super) enum NamesError {
    Disk(Errno),
    TooMany(TreeError),
}

/// The names in a directory, in no order.
pub(super) fn names_in(folder: &OwnedFd, path: &[u8]) -> Result<Vec<Vec<u8>>, NamesError> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(NamesError::Disk)? {
        let entry = entry.map_err(NamesError::Disk)?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        if names.len() == MAXIMUM_CHILDREN {
            return Err(NamesError::TooMany(TreeError::TooMany {
                path: String::from_utf8_lossy(path).into_owned(),
                limit: MAXIMUM_CHILDREN,
            }));
        }
        names.push(name.to_vec());
    }
    Ok(names)
}

impl From<NamesError> for io::Error {
    fn from(error: NamesError) -> Self {
        match error {
            NamesError::Disk(error) => error.into(),
            NamesError::TooMany(error) => Self::other(error),
        }
    }
}
