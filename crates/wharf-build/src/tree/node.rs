//! What a tree says of a file.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use wharf_images::{FileIdentity, RecordsError};
use wharf_layers::{Device, EntryKind, Timestamp};
use wharf_oci::Digest;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A socket: no archive can hold one.
    Socket,
}

impl NodeKind {
    /// What it is in an archive; `None` of what no archive can hold.
    pub fn in_archive(self) -> Option<EntryKind> {
        Some(match self {
            Self::File => EntryKind::File,
            Self::Directory => EntryKind::Directory,
            Self::Symlink => EntryKind::Symlink,
            Self::Fifo => EntryKind::Fifo,
            Self::CharacterDevice => EntryKind::CharacterDevice,
            Self::BlockDevice => EntryKind::BlockDevice,
            Self::Socket => return None,
        })
    }
}

/// What a tree says of a file, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its kind.
    pub kind: NodeKind,
    /// Permissions, `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Length in bytes; zero but for regular files.
    pub size: u64,
    /// When its content was changed last.
    pub modified: Timestamp,
    /// Number of a device.
    pub device: Device,
    /// Where a symbolic link leads.
    pub target: Vec<u8>,
    /// How many names it has.
    pub names: u64,
    /// What tells whether it is the same and unchanged; only of files on a disk.
    pub identity: Option<FileIdentity>,
    /// The digest of its content, if the tree knows it, and that is all that it holds: of a file with an attribute it is none.
    pub digest: Option<Digest>,
}

impl Node {
    /// A directory that a build makes.
    pub fn directory(mode: u32, user: u32, group: u32) -> Self {
        Self {
            kind: NodeKind::Directory,
            mode,
            user,
            group,
            size: 0,
            modified: Timestamp::default(),
            device: Device::default(),
            target: Vec::new(),
            names: 1,
            identity: None,
            digest: None,
        }
    }

    /// A regular file of root's that a build makes.
    pub fn file(mode: u32, size: u64, digest: Option<Digest>) -> Self {
        Self {
            kind: NodeKind::File,
            size,
            digest,
            ..Self::directory(mode, 0, 0)
        }
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == NodeKind::Directory
    }
}

/// The content of a file.
#[derive(Debug)]
pub struct Opened {
    /// Its bytes.
    pub content: OpenedContent,
    /// Its attribute `security.capability`.
    pub capability: Option<Vec<u8>>,
}

/// Where a file's bytes come from.
pub enum OpenedContent {
    /// A file on a disk.
    Disk(File),
    /// Anything else.
    Other(Box<dyn Read + Send>),
}

impl OpenedContent {
    /// What tells now whether it is still the same and unchanged; only of files on a disk.
    pub fn identity(&self) -> Option<FileIdentity> {
        match self {
            Self::Disk(file) => super::folder::described(&rustix::fs::fstat(file).ok()?).identity,
            Self::Other(_) => None,
        }
    }
}

impl Read for OpenedContent {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Disk(file) => file.read(buffer),
            Self::Other(content) => content.read(buffer),
        }
    }
}

impl fmt::Debug for OpenedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedContent").finish_non_exhaustive()
    }
}

/// Where paths can be looked up.
pub trait Lookup {
    /// What is at a path, if anything is.
    ///
    /// # Errors
    /// If the disk cannot tell.
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError>;
}

/// A tree of files.
pub trait FileTree: Lookup + fmt::Debug + Send + Sync {
    /// What is in a directory, in the order of the names' bytes.
    ///
    /// # Errors
    /// If it cannot be read.
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError>;

    /// A regular file's content.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open(&self, path: &[u8]) -> Result<Opened, TreeError>;

    /// The same for whoever knows the attribute.
    ///
    /// # Errors
    /// If it cannot be opened.
    fn open_content(&self, path: &[u8]) -> Result<OpenedContent, TreeError> {
        Ok(self.open(path)?.content)
    }

    /// The pattern of `.dockerignore` that takes a path out of the tree, with its line; `None` if none does.
    fn ignored_by(&self, _path: &[u8]) -> Option<(usize, String)> {
        None
    }
}

/// A tree cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The disk failed, or does not let us.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Links that lead to each other.
    #[error("too many symbolic links in {path}")]
    Links {
        /// What was looked for.
        path: String,
    },
    /// More files than a build may have.
    #[error("{path} holds more than {limit} files")]
    TooMany {
        /// The directory.
        path: String,
        /// How many there may be.
        limit: usize,
    },
    /// A layer is not there.
    #[error(transparent)]
    Layer(#[from] wharf_images::EnsureLayerError),
    /// What is remembered of a layer cannot be read.
    #[error(transparent)]
    Remembered(#[from] wharf_images::LayerError),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl TreeError {
    pub(super) fn io(path: impl Into<PathBuf>, source: impl Into<io::Error>) -> Self {
        Self::Io {
            path: path.into(),
            source: source.into(),
        }
    }
}
