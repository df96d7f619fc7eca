//! A new volume begins with what the image has at its place, as in Docker.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::tree::open_inside;
use super::{InitError, during};

/// Folders within folders at most.
const DEPTH_LIMIT: usize = 256;
/// What one extended attribute may hold.
const ATTRIBUTE_LIMIT_BYTES: usize = 64 << 10;

/// Copies what `root` has at `target` into the folder `source`, if that is empty.
pub(super) fn fill(root: &OwnedFd, target: &Path, source: &Path) -> Result<(), InitError> {
    let what = format!("copy the image's {} into its volume", target.display());
    let folder = OFlags::RDONLY | OFlags::DIRECTORY;
    let from = match open_inside(root, target, folder) {
        Ok(from) => from,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(error) => return Err(during(what)(error)),
    };
    let to = rustix::fs::open(source, folder | OFlags::CLOEXEC, Mode::empty())
        .map_err(during(what.clone()))?;
    if names(to.as_fd()).map_err(during(what.clone()))?.is_empty() {
        copy_folder(from.as_fd(), to.as_fd(), 0).map_err(during(what))?;
    }
    Ok(())
}

fn names(folder: BorrowedFd<'_>) -> io::Result<Vec<std::ffi::CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name);
        }
    }
    Ok(names)
}

fn copy_folder(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: usize) -> io::Result<()> {
    if depth > DEPTH_LIMIT {
        return Err(io::Error::other("folders are nested too deep"));
    }
    for name in names(from)? {
        copy_entry(from, to, &name, depth)?;
    }
    copy_metadata(from, to)
}

fn copy_entry(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    depth: usize,
) -> io::Result<()> {
    let metadata = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_raw_mode(metadata.st_mode & 0o7777);
    let no_follow = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match FileType::from_raw_mode(metadata.st_mode) {
        FileType::Directory => {
            rustix::fs::mkdirat(to, name, Mode::RWXU)?;
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | no_follow;
            let inner_from = rustix::fs::openat(from, name, flags, Mode::empty())?;
            let inner_to = rustix::fs::openat(to, name, flags, Mode::empty())?;
            copy_folder(inner_from.as_fd(), inner_to.as_fd(), depth + 1)
        }
        FileType::RegularFile => {
            let source = rustix::fs::openat(from, name, OFlags::RDONLY | no_follow, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | no_follow;
            let copy = rustix::fs::openat(to, name, flags, Mode::RUSR | Mode::WUSR)?;
            let (mut reader, mut writer) = (
                std::fs::File::from(source.try_clone()?),
                std::fs::File::from(copy.try_clone()?),
            );
            io::copy(&mut reader, &mut writer)?;
            copy_metadata(source.as_fd(), copy.as_fd())
        }
        FileType::Symlink => {
            let link = rustix::fs::readlinkat(from, name, Vec::new())?;
            rustix::fs::symlinkat(&link, to, name)?;
            let owner = (
                Uid::from_raw(metadata.st_uid),
                Gid::from_raw(metadata.st_gid),
            );
            let follow = AtFlags::SYMLINK_NOFOLLOW;
            Ok(rustix::fs::chownat(
                to,
                name,
                Some(owner.0),
                Some(owner.1),
                follow,
            )?)
        }
        kind => {
            // Devices are left out where they cannot be made; sockets mean nothing without who listens.
            match rustix::fs::mknodat(to, name, kind, mode, metadata.st_rdev) {
                Err(Errno::PERM) => Ok(()),
                other => Ok(other?),
            }
        }
    }
}

fn copy_metadata(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let metadata = rustix::fs::fstat(from)?;
    let owner = (
        Uid::from_raw(metadata.st_uid),
        Gid::from_raw(metadata.st_gid),
    );
    rustix::fs::fchown(to, Some(owner.0), Some(owner.1))?;
    rustix::fs::fchmod(to, Mode::from_raw_mode(metadata.st_mode & 0o7777))?;
    copy_attributes(from, to)?;
    let modified = Timespec {
        tv_sec: metadata.st_mtime,
        tv_nsec: metadata.st_mtime_nsec.try_into().unwrap_or_default(),
    };
    let times = Timestamps {
        last_access: modified,
        last_modification: modified,
    };
    Ok(rustix::fs::futimens(to, &times)?)
}

/// Extended attributes that people set; those of overlayfs are its own.
fn copy_attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let mut list = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
    let length = match rustix::fs::flistxattr(from, &mut list[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for name in list
        .get(..length)
        .unwrap_or_default()
        .split(|byte| *byte == 0)
    {
        if name.is_empty() || name.windows(7).any(|part| part == b"overlay") {
            continue;
        }
        let name = <OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name);
        let mut value = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
        let length = rustix::fs::fgetxattr(from, name, &mut value[..])?;
        let value = value.get(..length).unwrap_or_default();
        match rustix::fs::fsetxattr(to, name, value, rustix::fs::XattrFlags::empty()) {
            // A file system that keeps none, or a user who may not.
            Ok(()) | Err(Errno::NOTSUP | Errno::PERM) => (),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
