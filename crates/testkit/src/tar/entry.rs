//! One entry of a tar archive, as a test describes it.

/// What an entry is: the type flag of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file (`0`).
    File,
    /// A second name of an earlier file (`1`).
    HardLink,
    /// A symbolic link (`2`).
    Symlink,
    /// A character device (`3`).
    CharacterDevice,
    /// A block device (`4`).
    BlockDevice,
    /// A directory (`5`).
    Directory,
    /// A named pipe (`6`).
    Fifo,
    /// Any other type flag, for archives that a reader must refuse or ignore.
    Other(u8),
}

impl EntryKind {
    /// The byte in the header.
    pub(crate) fn flag(self) -> u8 {
        match self {
            Self::File => b'0',
            Self::HardLink => b'1',
            Self::Symlink => b'2',
            Self::CharacterDevice => b'3',
            Self::BlockDevice => b'4',
            Self::Directory => b'5',
            Self::Fifo => b'6',
            Self::Other(flag) => flag,
        }
    }
}

/// How a name longer than 100 bytes is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LongNames {
    /// A PAX record `path` or `linkpath`.
    Pax,
    /// A GNU `././@LongLink` entry.
    Gnu,
}

/// One entry. Names are bytes and are written as given: a test may say `../../etc/passwd`.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(crate) path: Vec<u8>,
    pub(crate) kind: EntryKind,
    pub(crate) content: Vec<u8>,
    pub(crate) link: Vec<u8>,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) modified_seconds: i64,
    pub(crate) modified_nanoseconds: u32,
    pub(crate) device: (u32, u32),
    pub(crate) records: Vec<(String, Vec<u8>)>,
    pub(crate) long_names: LongNames,
    pub(crate) declared_size: Option<u64>,
}

/// The time of entries that say nothing else: 2020-01-02 03:04:05 UTC.
const DEFAULT_MODIFIED: i64 = 1_577_934_245;

impl Entry {
    /// An entry of `kind` at `path`, mode 0644, owned by root, of a fixed time.
    pub fn new(kind: EntryKind, path: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.into(),
            kind,
            content: Vec::new(),
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            user: String::new(),
            group: String::new(),
            modified_seconds: DEFAULT_MODIFIED,
            modified_nanoseconds: 0,
            device: (0, 0),
            records: Vec::new(),
            long_names: LongNames::Pax,
            declared_size: None,
        }
    }

    /// A regular file with `content`.
    pub fn file(path: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Self {
        Self {
            content: content.into(),
            ..Self::new(EntryKind::File, path)
        }
    }

    /// A directory, mode 0755.
    pub fn directory(path: impl Into<Vec<u8>>) -> Self {
        Self::new(EntryKind::Directory, path).mode(0o755)
    }

    /// A symbolic link at `path` that says `target`.
    pub fn symlink(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self {
            link: target.into(),
            ..Self::new(EntryKind::Symlink, path).mode(0o777)
        }
    }

    /// A second name `path` for the earlier entry `target`.
    pub fn hard_link(path: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Self {
        Self {
            link: target.into(),
            ..Self::new(EntryKind::HardLink, path)
        }
    }

    /// A character device.
    pub fn character_device(path: impl Into<Vec<u8>>, major: u32, minor: u32) -> Self {
        Self {
            device: (major, minor),
            ..Self::new(EntryKind::CharacterDevice, path)
        }
    }

    /// A block device.
    pub fn block_device(path: impl Into<Vec<u8>>, major: u32, minor: u32) -> Self {
        Self {
            device: (major, minor),
            ..Self::new(EntryKind::BlockDevice, path)
        }
    }

    /// A named pipe.
    pub fn fifo(path: impl Into<Vec<u8>>) -> Self {
        Self::new(EntryKind::Fifo, path)
    }

    /// Sets the permission bits, setuid, setgid and sticky included.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the numeric owner and group.
    #[must_use]
    pub fn owner(mut self, uid: u64, gid: u64) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// Sets the names of owner and group, which readers of layers must ignore.
    #[must_use]
    pub fn owner_names(mut self, user: &str, group: &str) -> Self {
        (self.user, self.group) = (user.to_owned(), group.to_owned());
        self
    }

    /// Sets the time of modification; a fraction of a second or a negative time is written as a PAX record.
    #[must_use]
    pub fn modified(mut self, seconds: i64, nanoseconds: u32) -> Self {
        (self.modified_seconds, self.modified_nanoseconds) = (seconds, nanoseconds);
        self
    }

    /// Adds an extended attribute, as the PAX record `SCHILY.xattr.NAME`.
    #[must_use]
    pub fn xattr(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.pax(&format!("SCHILY.xattr.{name}"), value)
    }

    /// Adds any PAX record.
    #[must_use]
    pub fn pax(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.records.push((key.to_owned(), value.into()));
        self
    }

    /// Chooses how long names are written.
    #[must_use]
    pub fn long_names(mut self, form: LongNames) -> Self {
        self.long_names = form;
        self
    }

    /// Writes another size into the header than the content has: a lie that a reader must survive.
    #[must_use]
    pub fn declared_size(mut self, size_bytes: u64) -> Self {
        self.declared_size = Some(size_bytes);
        self
    }
}
