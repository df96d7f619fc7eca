//! Owners, modes, times and extended attributes: what must be set, and setting it.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use rustix::fs::{
    AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, chownat, fchmod, fchown, fsetxattr,
    futimens, lsetxattr, mkdirat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::mapped_ids::MappedIds;
use super::options::Flavour;
use super::remembered::{REMEMBERED_XATTR, RememberedMetadata};
use crate::tar::{Entry, EntryKind, Timestamp, Xattr};

/// The name of a directory that exists for a moment. No layer can have it: names that begin so are
/// aufs's own and are left out.
const PROBE_NAME: &str = ".wh..wh.wharf-probe";

/// The attribute that hands a directory's access list down.
const DEFAULT_ACL: &[u8] = b"system.posix_acl_default";

/// What a new file gets by itself: asking for nothing else saves system calls on nearly every file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Natural {
    user_id: u32,
    group_id: u32,
    /// Who can own files here at all.
    ids: MappedIds,
    /// Permissions that are taken away from what is asked for (the umask of the process).
    withheld: u32,
}

impl Natural {
    /// Finds out by creating a directory in `root` and looking at it: the umask can be read in no
    /// other way without changing it for the whole process, and mount options have a say too.
    pub(super) fn probe(root: BorrowedFd<'_>, flavour: Flavour) -> Result<Self, Errno> {
        if mkdirat(root, PROBE_NAME, Mode::from_raw_mode(0o777)) == Err(Errno::EXIST) {
            // Left by a process that was killed just then.
            unlinkat(root, PROBE_NAME, AtFlags::REMOVEDIR)?;
            mkdirat(root, PROBE_NAME, Mode::from_raw_mode(0o777))?;
        }
        let stat = statat(root, PROBE_NAME, AtFlags::SYMLINK_NOFOLLOW)?;
        unlinkat(root, PROBE_NAME, AtFlags::REMOVEDIR)?;
        Ok(Self {
            user_id: stat.st_uid,
            group_id: stat.st_gid,
            ids: MappedIds::of(flavour)?,
            withheld: 0o777 & !stat.st_mode,
        })
    }
}

/// What one entry needs beyond being created.
#[derive(Debug)]
pub(super) struct Plan<'e> {
    /// Owner and group, if they are not the natural ones.
    owner: Option<(u32, u32)>,
    /// Permissions on disk.
    pub(super) mode: u32,
    /// Attributes to set.
    xattrs: Vec<&'e Xattr>,
    /// What cannot be set.
    pub(super) remembered: Option<RememberedMetadata>,
    withheld: u32,
}

impl<'e> Plan<'e> {
    pub(super) fn new(entry: &'e Entry, flavour: Flavour, natural: &Natural) -> Self {
        let mut plan = Self {
            owner: None,
            mode: entry.mode,
            xattrs: Vec::new(),
            remembered: None,
            withheld: natural.withheld,
        };
        match flavour {
            Flavour::Root => {
                plan.own(entry, natural);
                let wanted = entry.xattrs.iter();
                plan.xattrs
                    .extend(wanted.filter(|xattr| class(xattr) != XattrClass::Ignored));
            }
            Flavour::User => plan.fit_to_user(entry),
            Flavour::Subordinate => plan.fit_to_namespace(entry, natural),
        }
        plan
    }

    /// A directory that no entry describes: owned by root, mode 0755.
    pub(super) fn implied_directory(entry: &'e Entry, flavour: Flavour, natural: &Natural) -> Self {
        Self {
            mode: 0o755,
            xattrs: Vec::new(),
            ..Self::new(entry, flavour, natural)
        }
    }

    /// The permissions to ask for when the file is created: an ordinary user must be able to write
    /// to a file in order to give it attributes.
    pub(super) fn creation_mode(&self) -> Mode {
        let writable = if self.has_xattrs() { 0o600 } else { 0 };
        Mode::from_raw_mode(self.mode & 0o777 | writable)
    }

    fn own(&mut self, entry: &Entry, natural: &Natural) {
        if (entry.user_id, entry.group_id) != (natural.user_id, natural.group_id) {
            self.owner = Some((entry.user_id, entry.group_id));
        }
    }

    /// Root of a namespace can do nearly everything; the rest is remembered.
    fn fit_to_namespace(&mut self, entry: &'e Entry, natural: &Natural) {
        let is_owned = natural.ids.have(entry.user_id, entry.group_id);
        if is_owned {
            self.own(entry, natural);
        }
        let mut kept = Vec::new();
        for xattr in &entry.xattrs {
            match class(xattr) {
                XattrClass::Ignored => {}
                // Access lists have ids in them, of which one may be beyond the namespace.
                XattrClass::Privileged if xattr.name != b"security.capability" => {
                    kept.push(xattr.clone());
                }
                XattrClass::User | XattrClass::Privileged => self.xattrs.push(xattr),
            }
        }
        if is_device(entry.kind) || !is_owned || !kept.is_empty() {
            self.remember(entry, kept);
        }
    }

    fn fit_to_user(&mut self, entry: &'e Entry) {
        let carries_xattrs = matches!(entry.kind, EntryKind::File | EntryKind::Directory);
        let mut kept = Vec::new();
        for xattr in &entry.xattrs {
            match class(xattr) {
                XattrClass::Ignored => {}
                XattrClass::User if carries_xattrs => self.xattrs.push(xattr),
                XattrClass::User | XattrClass::Privileged => kept.push(xattr.clone()),
            }
        }
        if entry.kind == EntryKind::Directory {
            self.mode |= 0o700;
        }
        if is_device(entry.kind)
            || (entry.user_id, entry.group_id) != (0, 0)
            || self.mode != entry.mode
            || !kept.is_empty()
        {
            self.remember(entry, kept);
        }
    }

    fn remember(&mut self, entry: &Entry, xattrs: Vec<Xattr>) {
        self.remembered = Some(RememberedMetadata {
            user_id: entry.user_id,
            group_id: entry.group_id,
            mode: type_bits(entry.kind) | entry.mode,
            device: entry.device,
            xattrs,
        });
    }

    /// The access list that files in a directory inherit, which therefore must not be set yet.
    pub(super) fn take_default_acl(&mut self) -> Option<&'e [u8]> {
        let is_default = |xattr: &&Xattr| xattr.name == DEFAULT_ACL;
        let at = self.xattrs.iter().position(is_default)?;
        Some(&self.xattrs.remove(at).value)
    }

    fn has_xattrs(&self) -> bool {
        !self.xattrs.is_empty() || self.remembered.is_some()
    }

    /// Sets owner, attributes and mode of an open file that was created with
    /// [`Self::creation_mode`] (`fresh`), or was there before. Returns how many attributes were
    /// refused.
    pub(super) fn set_on(&self, file: BorrowedFd<'_>, fresh: bool) -> Result<u64, Errno> {
        // The order matters: a change of owner takes capabilities and set-user-ID away, and an
        // ordinary user cannot set attributes once the mode forbids writing.
        if let Some((user_id, group_id)) = self.owner {
            fchown(file, Some(uid(user_id)), Some(gid(group_id)))?;
        }
        let mut refused = 0;
        for xattr in &self.xattrs {
            let result = fsetxattr(file, &xattr.name[..], &xattr.value, XattrFlags::empty());
            refused += refusal(result)?;
        }
        if let Some(remembered) = &self.remembered {
            let value = remembered.to_bytes();
            fsetxattr(file, REMEMBERED_XATTR, &value, XattrFlags::empty())?;
        }
        if !fresh || !self.has_natural_mode() {
            fchmod(file, Mode::from_raw_mode(self.mode))?;
        }
        Ok(refused)
    }

    /// Whether a file that was created with [`Self::creation_mode`] needs nothing more.
    pub(super) fn is_natural(&self) -> bool {
        self.owner.is_none() && !self.has_xattrs() && self.has_natural_mode()
    }

    /// Sets owner and attributes of what cannot be opened: links, pipes and devices.
    pub(super) fn set_at(&self, parent: BorrowedFd<'_>, name: &[u8]) -> Result<u64, Errno> {
        if let Some((user_id, group_id)) = self.owner {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            chownat(parent, name, Some(uid(user_id)), Some(gid(group_id)), flags)?;
        }
        let mut refused = 0;
        for xattr in &self.xattrs {
            let mut path = format!("/proc/self/fd/{}/", parent.as_raw_fd()).into_bytes();
            path.extend_from_slice(name);
            let result = lsetxattr(path, &xattr.name[..], &xattr.value, XattrFlags::empty());
            refused += refusal(result)?;
        }
        Ok(refused)
    }

    /// Whether creation alone gives the mode that is wanted.
    pub(super) fn has_natural_mode(&self) -> bool {
        self.creation_mode().bits() & !self.withheld == self.mode
    }
}

/// Sets the access list that files in an open directory inherit. Returns whether it was refused.
pub(super) fn set_default_acl(directory: BorrowedFd<'_>, acl: &[u8]) -> Result<u64, Errno> {
    refusal(fsetxattr(directory, DEFAULT_ACL, acl, XattrFlags::empty()))
}

/// Sets the times of an open file.
pub(super) fn set_times(file: impl AsFd, times: Times) -> Result<(), Errno> {
    futimens(file, &times.timestamps())
}

/// Sets the times of what `name` is, not of what it links to.
pub(super) fn set_times_at(parent: BorrowedFd<'_>, name: &[u8], times: Times) -> Result<(), Errno> {
    utimensat(parent, name, &times.timestamps(), AtFlags::SYMLINK_NOFOLLOW)
}

/// The times that a file is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) accessed: Timestamp,
    pub(super) modified: Timestamp,
}

impl Times {
    /// The times of `entry`. As in Docker, a time of access that is not told, or lies before the
    /// time of modification, is the latter.
    pub(super) fn of(entry: &Entry) -> Self {
        let modified = bounded(entry.modified);
        let accessed = entry.accessed.map_or(modified, bounded).max(modified);
        Self { accessed, modified }
    }

    /// As the kernel takes them.
    pub(super) fn timestamps(self) -> Timestamps {
        let timespec = |time: Timestamp| Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        };
        Timestamps {
            last_access: timespec(self.accessed),
            last_modification: timespec(self.modified),
        }
    }
}

// Times before 1970 and after 2262 become 1970, as in Docker and containerd.
fn bounded(time: Timestamp) -> Timestamp {
    const LAST_SECOND: i64 = i64::MAX / 1_000_000_000;
    if (0..LAST_SECOND).contains(&time.seconds) {
        time
    } else {
        Timestamp::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum XattrClass {
    Ignored,
    User,
    Privileged,
}

// Layers have no say over overlayfs's marks, over what Wharf remembers, nor over the security labels
// of the host; all that is left for them is what images are known to carry.
fn class(xattr: &Xattr) -> XattrClass {
    let name = &xattr.name[..];
    let ours = name.starts_with(b"user.overlay.") || name.starts_with(b"user.wharf.");
    if name.starts_with(b"user.") && !ours {
        return XattrClass::User;
    }
    match name {
        b"security.capability" | b"system.posix_acl_access" | DEFAULT_ACL => XattrClass::Privileged,
        _ => XattrClass::Ignored,
    }
}

// Docker lets pass what the file system does not support or a rule forbids.
fn refusal(result: Result<(), Errno>) -> Result<u64, Errno> {
    match result {
        Ok(()) => Ok(0),
        Err(Errno::OPNOTSUPP | Errno::PERM) => Ok(1),
        Err(error) => Err(error),
    }
}

fn is_device(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::CharacterDevice | EntryKind::BlockDevice)
}

fn type_bits(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::Fifo => 0o01_0000,
        EntryKind::CharacterDevice => 0o02_0000,
        EntryKind::Directory => 0o04_0000,
        EntryKind::BlockDevice => 0o06_0000,
        EntryKind::Symlink => 0o12_0000,
        EntryKind::File | EntryKind::HardLink | EntryKind::Other(_) => 0o10_0000,
    }
}

fn uid(id: u32) -> Uid {
    Uid::from_raw(id)
}

fn gid(id: u32) -> Gid {
    Gid::from_raw(id)
}
