//! What an entry is beside its name and content.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use crate::apply::{REMEMBERED_XATTR, RememberedMetadata};
use crate::tar::{Entry, EntryKind, Timestamp};

/// Whose the files are that an archive is unpacked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// Whoever unpacks it.
    Ours,
    /// As the archive says.
    Archived,
    /// This user and group.
    Of(u32, u32),
}

impl Ownership {
    fn of(self, entry: &Entry) -> Option<(u32, u32)> {
        match self {
            Self::Ours => None,
            Self::Archived => Some((entry.user_id, entry.group_id)),
            Self::Of(user, group) => Some((user, group)),
        }
    }
}

/// What is set on files, and what is done about what cannot be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    pub(super) ownership: Ownership,
    /// Whether an owner that nobody here may be is written beside the file.
    pub(super) remembers: bool,
}

impl Attributes {
    /// Sets everything but the times of a file or folder that is open.
    pub(super) fn set(self, file: &OwnedFd, entry: &Entry) -> Result<(), Errno> {
        if let Some((user, group)) = self.ownership.of(entry) {
            let chowned =
                rustix::fs::fchown(file, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
            self.allowed(chowned)?;
        }
        for xattr in &entry.xattrs {
            let name = OsStr::from_bytes(&xattr.name);
            match rustix::fs::fsetxattr(file, name, &xattr.value, XattrFlags::empty()) {
                // As Docker has it: a file system that does not know them, or a user who may not.
                Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => (),
                Err(error) => return Err(error),
            }
        }
        self.remember(file, entry)?;
        rustix::fs::fchmod(file, Mode::from_raw_mode(entry.mode & 0o7777))
    }

    /// Sets the owner of what cannot be opened: links, pipes, devices.
    pub(super) fn set_owner_at(
        self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<(), Errno> {
        let Some((user, group)) = self.ownership.of(entry) else {
            return Ok(());
        };
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        self.allowed(rustix::fs::chownat(
            folder,
            name,
            Some(user),
            Some(group),
            flags,
        ))
    }

    /// Where owners are remembered, nobody can be given files: that is no error there.
    fn allowed(self, outcome: Result<(), Errno>) -> Result<(), Errno> {
        match outcome {
            Err(Errno::PERM | Errno::INVAL) if self.remembers => Ok(()),
            other => other,
        }
    }

    fn remember(self, file: &OwnedFd, entry: &Entry) -> Result<(), Errno> {
        let Some((user_id, group_id)) = self.ownership.of(entry) else {
            return Ok(());
        };
        if !self.remembers {
            return Ok(());
        }
        let stat = rustix::fs::fstat(file)?;
        let device = matches!(
            entry.kind,
            EntryKind::CharacterDevice | EntryKind::BlockDevice
        );
        if (stat.st_uid, stat.st_gid) == (user_id, group_id) && !device {
            return Ok(());
        }
        let metadata = RememberedMetadata {
            user_id,
            group_id,
            mode: type_bits(entry.kind) | entry.mode,
            device: entry.device,
            xattrs: Vec::new(),
        };
        rustix::fs::fsetxattr(
            file,
            REMEMBERED_XATTR,
            &metadata.to_bytes(),
            XattrFlags::empty(),
        )
    }
}

/// When the content was changed, of what has that name.
pub(super) fn set_time_at(
    folder: BorrowedFd<'_>,
    name: &OsStr,
    entry_time: Timestamp,
) -> Result<(), Errno> {
    let times = times(entry_time);
    rustix::fs::utimensat(folder, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}

/// The same of a file that is open.
pub(super) fn set_time(file: &OwnedFd, entry_time: Timestamp) -> Result<(), Errno> {
    rustix::fs::futimens(file, &times(entry_time))
}

fn times(time: Timestamp) -> Timestamps {
    let time = Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

/// A path for calls that take only paths.
pub(super) fn path_of(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn type_bits(kind: EntryKind) -> u32 {
    let kind = match kind {
        EntryKind::Directory => FileType::Directory,
        EntryKind::CharacterDevice => FileType::CharacterDevice,
        EntryKind::BlockDevice => FileType::BlockDevice,
        _ => FileType::RegularFile,
    };
    kind.as_raw_mode()
}
