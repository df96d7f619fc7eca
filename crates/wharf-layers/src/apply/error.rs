//! Why a layer cannot be unpacked.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::layer_tree::ResolveFault;
use crate::limits::LimitExceeded;
use crate::tar::TarError;

/// Why a layer cannot be unpacked. What was written so far stays, to be resumed or removed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyLayerError {
    /// The archive is damaged, truncated, or cannot be read further.
    #[error("the layer's archive is damaged {}", place(entry))]
    Archive {
        /// The entry before the damage, or in the middle of it.
        entry: EntryName,
        /// What is wrong.
        source: TarError,
    },
    /// A path or the target of a hard link leads out of the layer.
    #[error("`{entry}` is refused: `{path}` leads out of the layer")]
    Escapes {
        /// The entry.
        entry: EntryName,
        /// The path that leads out.
        path: EntryName,
    },
    /// Something is larger than we allow.
    #[error("`{entry}` is refused: {limit}")]
    Limit {
        /// The entry, or the one before.
        entry: EntryName,
        /// Which limit.
        #[source]
        limit: LimitExceeded,
    },
    /// An entry that makes no sense: its type, its name, or together with what is there.
    #[error("`{entry}` is refused: {reason}")]
    Entry {
        /// The entry.
        entry: EntryName,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A hard link to what this layer does not have. Docker refuses it too: a layer stands alone.
    #[error("hard link `{entry}`: this layer has no file `{target}`")]
    HardLinkTarget {
        /// The link.
        entry: EntryName,
        /// The file that it should be another name of.
        target: EntryName,
    },
    /// The disk or the quota is full.
    #[error("no space left for `{entry}`: free some, or put the store on a larger disk")]
    DiskFull {
        /// The entry.
        entry: EntryName,
        /// `ENOSPC` or `EDQUOT`.
        source: io::Error,
    },
    /// The process may not do what the entry needs.
    #[error("no permission to create `{entry}`")]
    Permission {
        /// The entry.
        entry: EntryName,
        /// `EPERM` or `EACCES`.
        source: io::Error,
    },
    /// The file system failed otherwise.
    #[error("`{entry}` cannot be created")]
    FileSystem {
        /// The entry.
        entry: EntryName,
        /// What the kernel said.
        source: io::Error,
    },
    /// A checkpoint could not be kept.
    #[error("the progress of unpacking cannot be recorded")]
    Checkpoint {
        /// What the caller's function said.
        source: io::Error,
    },
    /// The checkpoint to resume from is not one of this archive: unpack from the start.
    #[error("the saved progress does not belong to this layer's archive")]
    CheckpointMismatch,
}

impl ApplyLayerError {
    /// What the system call that failed for `entry` means.
    pub(super) fn of_errno(entry: &[u8], errno: Errno) -> Self {
        let entry = EntryName::new(entry);
        let source = io::Error::from(errno);
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::DiskFull { entry, source },
            Errno::PERM | Errno::ACCESS => Self::Permission { entry, source },
            _ => Self::FileSystem { entry, source },
        }
    }

    /// What the archive's error behind `entry` means.
    pub(super) fn of_tar(entry: &[u8], source: TarError) -> Self {
        let entry = EntryName::new(entry);
        match source {
            TarError::Limit(limit) => Self::Limit { entry, limit },
            source => Self::Archive { entry, source },
        }
    }
}

/// Where in an archive `entry` is, or the damage behind it.
fn place(entry: &EntryName) -> String {
    if entry.0.is_empty() {
        return "at its start".to_owned();
    }
    format!("after `{entry}`")
}

/// The name of an entry, to be shown: any bytes, of which control characters are escaped and no
/// more than 300 are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryName(Vec<u8>);

const SHOWN_BYTES: usize = 300;

impl EntryName {
    /// Takes the beginning of `name` that is shown.
    pub fn new(name: &[u8]) -> Self {
        Self(name.get(..=SHOWN_BYTES).unwrap_or(name).to_vec())
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..SHOWN_BYTES).unwrap_or(&self.0);
        for character in String::from_utf8_lossy(shown).chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        f.write_str(if self.0.len() > SHOWN_BYTES {
            "…"
        } else {
            ""
        })
    }
}

impl fmt::Debug for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// What went wrong, before it is known with which entry.
#[derive(Debug)]
pub(super) enum Fault {
    System(Errno),
    Archive(TarError),
    Limit(LimitExceeded),
    Escapes(Vec<u8>),
    Entry(&'static str),
    HardLinkTarget(Vec<u8>),
    Checkpoint(io::Error),
    CheckpointMismatch,
}

impl Fault {
    /// The error, once it is known which entry it is about.
    pub(super) fn into_error(self, name: &[u8]) -> ApplyLayerError {
        let entry = EntryName::new(name);
        match self {
            Self::System(errno) => ApplyLayerError::of_errno(name, errno),
            Self::Archive(error) => ApplyLayerError::of_tar(name, error),
            Self::Limit(limit) => ApplyLayerError::Limit { entry, limit },
            Self::Escapes(path) => ApplyLayerError::Escapes {
                entry,
                path: EntryName::new(&path),
            },
            Self::Entry(reason) => ApplyLayerError::Entry { entry, reason },
            Self::HardLinkTarget(target) => ApplyLayerError::HardLinkTarget {
                entry,
                target: EntryName::new(&target),
            },
            Self::Checkpoint(source) => ApplyLayerError::Checkpoint { source },
            Self::CheckpointMismatch => ApplyLayerError::CheckpointMismatch,
        }
    }
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl From<TarError> for Fault {
    fn from(error: TarError) -> Self {
        Self::Archive(error)
    }
}

impl From<LimitExceeded> for Fault {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

impl From<ResolveFault> for Fault {
    fn from(fault: ResolveFault) -> Self {
        match fault {
            ResolveFault::Loop => Self::Entry("its path leads through links in a circle"),
            ResolveFault::Limit(limit) => Self::Limit(limit),
        }
    }
}
