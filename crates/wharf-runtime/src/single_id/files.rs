//! The caller's files, found as the caller would find them, and what is remembered beside them.

use std::ffi::OsStr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, XattrFlags};
use rustix::io::Errno;
use wharf_layers::{REMEMBERED_XATTR, RememberedMetadata};

use super::calls::{AT_CWD, Target};

/// The longest path of the kernel, with its zero.
const PATH_LIMIT_BYTES: usize = 4096;

/// Memory is read up to the end of a page: the next may not be there.
const PAGE_BYTES: u64 = 4096;

/// What may be remembered of a file: more than any attribute holds.
const REMEMBERED_LIMIT_BYTES: usize = 1 << 16;

/// The file that a call names: held, not opened.
pub(super) fn find(thread: u32, target: &Target) -> Result<OwnedFd, Errno> {
    let path = match target.path {
        None => return descriptor(thread, target.folder),
        Some(address) => read_path(thread, address)?,
    };
    if path.as_os_str().is_empty() {
        if target.may_be_empty {
            return descriptor(thread, target.folder);
        }
        return Err(Errno::NOENT);
    }
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    if !target.follow {
        flags |= OFlags::NOFOLLOW;
    }
    open_inside(thread, target.folder, &path, flags, Mode::empty())
}

/// Makes the empty file that stands for a device node, with its permissions after the caller's mask.
pub(super) fn make(thread: u32, target: &Target, mode: u32) -> Result<OwnedFd, Errno> {
    let path = read_path(thread, target.path.ok_or(Errno::FAULT)?)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let permissions = Mode::from_raw_mode(mode & 0o777 & !mask(thread));
    let file = open_inside(thread, target.folder, &path, flags, permissions)?;
    // The mask of this process is not the caller's.
    rustix::fs::fchmod(&file, permissions)?;
    Ok(file)
}

/// What is remembered of a file, and its own type and permissions where nothing is.
pub(super) fn remembered(file: &OwnedFd) -> Result<RememberedMetadata, Errno> {
    let mut value = vec![0; REMEMBERED_LIMIT_BYTES];
    let length = rustix::fs::getxattr(own_path(file), REMEMBERED_XATTR, value.as_mut_slice());
    let value = length.ok().and_then(|length| value.get(..length));
    if let Some(known) = value.and_then(RememberedMetadata::from_bytes) {
        return Ok(known);
    }
    let stat = rustix::fs::fstat(file)?;
    Ok(RememberedMetadata {
        user_id: 0,
        group_id: 0,
        mode: stat.st_mode,
        device: wharf_layers::Device { major: 0, minor: 0 },
        xattrs: Vec::new(),
    })
}

/// Whether anything is remembered of it.
pub(super) fn is_remembered(file: &OwnedFd) -> bool {
    let mut none: [u8; 0] = [];
    rustix::fs::getxattr(own_path(file), REMEMBERED_XATTR, &mut none).is_ok()
}

/// Remembers. Where that cannot be (symbolic links, pipes, other file systems) it is not, and the call succeeds all the same: the
/// owner is lost, as it would be for everybody without this.
pub(super) fn remember(file: &OwnedFd, metadata: &RememberedMetadata) -> Result<(), Errno> {
    let path = own_path(file);
    let value = metadata.to_bytes();
    let set = || rustix::fs::setxattr(&path, REMEMBERED_XATTR, &value, XattrFlags::empty());
    let done = match set() {
        // The owner of a read-only file may make it writable, and root of a container would not have had to.
        Err(Errno::ACCESS) => {
            let mode = Mode::from_raw_mode(rustix::fs::fstat(file)?.st_mode);
            rustix::fs::chmod(&path, mode | Mode::WUSR)?;
            let done = set();
            rustix::fs::chmod(&path, mode)?;
            done
        }
        done => done,
    };
    match done {
        Err(Errno::ROFS) => Err(Errno::ROFS),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether the file can carry an attribute of ours.
pub(super) fn carries(file: &OwnedFd) -> Result<bool, Errno> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(file)?.st_mode);
    Ok(matches!(kind, FileType::RegularFile | FileType::Directory))
}

/// A path that means the held file.
fn own_path(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

fn descriptor(thread: u32, number: i32) -> Result<OwnedFd, Errno> {
    let path = if number == AT_CWD {
        format!("/proc/{thread}/cwd")
    } else {
        format!("/proc/{thread}/fd/{number}")
    };
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|error| match error {
        Errno::NOENT => Errno::BADF,
        other => other,
    })
}

/// Opens what the path means to the caller: below its root, whatever links say.
fn open_inside(
    thread: u32,
    folder: i32,
    path: &Path,
    flags: OFlags,
    mode: Mode,
) -> Result<OwnedFd, Errno> {
    let whole = if path.is_absolute() {
        path.to_path_buf()
    } else {
        place(thread, folder)?.join(path)
    };
    let held = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{thread}/root"), held, Mode::empty())?;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(&root, &whole, flags, mode, resolve)
}

/// The path of a folder of the caller, from the caller's root on.
fn place(thread: u32, folder: i32) -> Result<PathBuf, Errno> {
    let held = descriptor(thread, folder)?;
    if FileType::from_raw_mode(rustix::fs::fstat(&held)?.st_mode) != FileType::Directory {
        return Err(Errno::NOTDIR);
    }
    let link = if folder == AT_CWD {
        format!("/proc/{thread}/cwd")
    } else {
        format!("/proc/{thread}/fd/{folder}")
    };
    let whole = rustix::fs::readlink(link, Vec::new())?;
    let whole = PathBuf::from(OsStr::from_bytes(whole.as_bytes()));
    // Where this process sees the caller's root itself, what stands before it is not the caller's.
    let root = rustix::fs::readlink(format!("/proc/{thread}/root"), Vec::new())?;
    let root = PathBuf::from(OsStr::from_bytes(root.as_bytes()));
    let inside = whole.strip_prefix(&root).unwrap_or(&whole);
    Ok(Path::new("/").join(inside))
}

/// A path from the caller's memory.
fn read_path(thread: u32, address: u64) -> Result<PathBuf, Errno> {
    let memory =
        std::fs::File::open(format!("/proc/{thread}/mem")).map_err(|_refused| Errno::PERM)?;
    let mut path = Vec::new();
    let mut next = address;
    while path.len() < PATH_LIMIT_BYTES {
        let left = PAGE_BYTES - next % PAGE_BYTES;
        let mut page = vec![0; usize::try_from(left).unwrap_or(0)];
        memory
            .read_exact_at(&mut page, next)
            .map_err(|_unmapped| Errno::FAULT)?;
        if let Some(end) = page.iter().position(|byte| *byte == 0) {
            path.extend(page.get(..end).unwrap_or_default());
            return if path.len() < PATH_LIMIT_BYTES {
                Ok(PathBuf::from(OsStr::from_bytes(&path)))
            } else {
                Err(Errno::NAMETOOLONG)
            };
        }
        path.extend(page);
        next = next.checked_add(left).ok_or(Errno::FAULT)?;
    }
    Err(Errno::NAMETOOLONG)
}

/// The caller's mask for new files; nobody's if it cannot be read.
fn mask(thread: u32) -> u32 {
    let text = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Umask:"));
    let mask = lines
        .next()
        .and_then(|value| u32::from_str_radix(value.trim(), 8).ok());
    mask.unwrap_or(0)
}
