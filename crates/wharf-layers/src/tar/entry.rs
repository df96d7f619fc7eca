//! What an archive says about one file, and what can be wrong with an archive.

use std::io;

use crate::limits::LimitExceeded;

/// One entry of an archive, with everything its extended headers say about it.
///
/// Names are bytes as they stand in the archive: not cleaned, not checked for `..`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The path. Never longer than the limit on paths, never with a zero byte.
    pub name: Vec<u8>,
    /// What kind of file it is.
    pub kind: EntryKind,
    /// Target of a symbolic or hard link.
    pub link_target: Vec<u8>,
    /// Permissions with set-user-ID, set-group-ID and sticky bits: `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub user_id: u32,
    /// Group.
    pub group_id: u32,
    /// Bytes of content as a reader of the file sees them: holes of a sparse file count. 0 for
    /// everything but regular files.
    pub size_bytes: u64,
    /// When the content was changed.
    pub modified: Timestamp,
    /// When the content was last read, if the archive says so.
    pub accessed: Option<Timestamp>,
    /// Number of a device node.
    pub device: Device,
    /// Extended attributes, each name once.
    pub xattrs: Vec<Xattr>,
    /// Of a sparse file, the pieces that are not holes, in order; they are stored back to back.
    pub sparse: Option<Vec<SparseSegment>>,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EntryKind {
    /// A regular file.
    #[default]
    File,
    /// A further name of a file that stands earlier in the archive.
    HardLink,
    /// A symbolic link.
    Symlink,
    /// A directory.
    Directory,
    /// A named pipe.
    Fifo,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Anything else, with its type byte: volume labels and the like.
    Other(u8),
}

/// A point in time: seconds since 1970 and the nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds since 1970 in UTC, rounded down.
    pub seconds: i64,
    /// Nanoseconds behind `seconds`, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// The number of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Device {
    /// The driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// One extended attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Xattr {
    /// Name with its class: `user.origin`, `security.capability`.
    pub name: Vec<u8>,
    /// Value: any bytes.
    pub value: Vec<u8>,
}

/// A piece of a sparse file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparseSegment {
    /// Where it begins in the file.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

/// Why an archive cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The source failed, or ended in the middle of its compressed stream.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// The archive ends in the middle of an entry.
    #[error("the archive is truncated")]
    Truncated,
    /// A header's checksum does not match: this is no tar archive, or a damaged one.
    #[error("the checksum of the header at byte {offset} does not match")]
    Checksum {
        /// Where the header begins in the archive.
        offset: u64,
    },
    /// A header says what cannot be.
    #[error("the header at byte {offset} is not valid: {field}")]
    Header {
        /// Where the header begins in the archive.
        offset: u64,
        /// The field or record that is wrong.
        field: &'static str,
    },
    /// Something is larger than we allow.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
}

impl Entry {
    /// Forgets everything but keeps the memory, so that reading many entries allocates little.
    pub(crate) fn clear(&mut self) {
        self.name.clear();
        self.link_target.clear();
        self.xattrs.clear();
        self.kind = EntryKind::File;
        self.mode = 0;
        self.user_id = 0;
        self.group_id = 0;
        self.size_bytes = 0;
        self.modified = Timestamp::default();
        self.accessed = None;
        self.device = Device::default();
        self.sparse = None;
    }
}

impl EntryKind {
    /// The kind of an entry with the type byte `flag`.
    pub(crate) fn from_type_flag(flag: u8) -> Self {
        match flag {
            // '7' is a contiguous file, which POSIX has treated as a regular one; 'S' is GNU's
            // sparse file.
            0 | b'0' | b'7' | b'S' => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::Symlink,
            b'3' => Self::CharacterDevice,
            b'4' => Self::BlockDevice,
            b'5' => Self::Directory,
            b'6' => Self::Fifo,
            other => Self::Other(other),
        }
    }

    /// Whether content may follow the header. Go's reader takes the others to have none whatever
    /// their header's size says, so that we do too: two readers that disagree about where an
    /// archive's next header stands see two different archives.
    pub(crate) fn has_content(self) -> bool {
        matches!(self, Self::File | Self::Other(_))
    }
}
