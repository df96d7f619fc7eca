//! Creates files in an open directory, and writes their content.

use std::io::BufRead;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, XattrFlags, fsetxattr, ftruncate, makedev, mknodat, openat,
    seek, statat,
};
use rustix::io::{Errno, write};

use super::checkpoints::Checkpoints;
use super::error::Fault;
use super::options::Flavour;
use crate::tar::{Device, Entry, TarReader};

/// A new, empty regular file, open for writing. `EXIST` if there is anything of that name.
pub(super) fn new_file(parent: BorrowedFd<'_>, name: &[u8], mode: Mode) -> Result<OwnedFd, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, mode)
}

/// The directory `name`, open for setting its attributes.
pub(super) fn open_directory(parent: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Writes the content of `entry`, straight from the reader's buffer. Holes stay holes.
pub(super) fn write_content<R: BufRead>(
    file: &OwnedFd,
    entry: &Entry,
    reader: &mut TarReader<R>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<(), Fault> {
    let Some(segments) = &entry.sparse else {
        return write_stored(file, u64::MAX, reader, checkpoints);
    };
    let mut position = 0;
    for segment in segments.iter().filter(|segment| segment.length > 0) {
        if segment.offset != position {
            seek(file, rustix::fs::SeekFrom::Start(segment.offset))?;
        }
        write_stored(file, segment.length, reader, checkpoints)?;
        position = segment.offset + segment.length;
    }
    ftruncate(file, entry.size_bytes)?;
    Ok(())
}

// Writes the next `limit` stored bytes, or all there are.
fn write_stored<R: BufRead>(
    file: &OwnedFd,
    limit: u64,
    reader: &mut TarReader<R>,
    checkpoints: &mut Checkpoints<'_>,
) -> Result<(), Fault> {
    let mut left = limit;
    while left > 0 {
        let chunk = reader.fill_content()?;
        let end = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
        let chunk = chunk.get(..end).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        let count = match write(file, chunk) {
            Ok(0) => return Err(Errno::IO.into()),
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        reader.consume_content(count)?;
        left -= count as u64;
        let offset = reader.offset();
        if checkpoints.is_due(offset)
            && let Some(hasher) = reader.hasher()?
        {
            checkpoints.within(offset, hasher)?;
        }
    }
    Ok(())
}

/// Creates a named pipe or a device node.
pub(super) fn new_node(
    parent: BorrowedFd<'_>,
    name: &[u8],
    kind: FileType,
    mode: Mode,
    device: Device,
) -> Result<(), Errno> {
    mknodat(
        parent,
        name,
        kind,
        mode,
        makedev(device.major, device.minor),
    )
}

/// Creates overlayfs's whiteout: a character device with the number 0:0, which the kernel lets
/// ordinary users create too.
pub(super) fn new_whiteout(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let mode = Mode::empty();
    mknodat(parent, name, FileType::CharacterDevice, mode, makedev(0, 0))
}

/// Marks an open directory as hiding what the layers below have in it.
pub(super) fn mark_opaque(directory: impl AsFd, flavour: Flavour) -> Result<(), Errno> {
    fsetxattr(
        directory,
        flavour.opaque_attribute(),
        b"y",
        XattrFlags::empty(),
    )
}

/// The type of what is at `name`, and whether it is a whiteout.
pub(super) fn look_at(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(FileType, bool), Errno> {
    let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let whiteout = kind == FileType::CharacterDevice && stat.st_rdev == makedev(0, 0);
    Ok((kind, whiteout))
}

/// Whether two names are the same file.
pub(super) fn is_same_file(
    (parent, name): (BorrowedFd<'_>, &[u8]),
    (other_parent, other_name): (BorrowedFd<'_>, &[u8]),
) -> Result<bool, Errno> {
    let one = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let other = statat(other_parent, other_name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
}
