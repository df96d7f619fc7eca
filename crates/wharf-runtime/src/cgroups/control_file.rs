//! The kernel's small files: one write sets, one read tells.

use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Longer than anything the kernel says of a group, but for lists of processes, which have their own reader.
const READ_LIMIT_BYTES: usize = 1 << 20;

/// Sets `file` of `folder`, in one write as the kernel wants it.
pub(super) fn write(folder: &Path, file: &str, value: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder.join(file), flags, Mode::empty())?;
    rustix::io::retry_on_intr(|| rustix::io::write(&opened, value.as_bytes()))?;
    Ok(())
}

/// What `file` of `folder` says.
pub(super) fn read(folder: &Path, file: &str) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::open(folder.join(file), flags, Mode::empty())?;
    let mut text = Vec::new();
    let mut part = vec![0; 1 << 12];
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&opened, part.as_mut_slice()))?;
        text.extend_from_slice(part.get(..length).unwrap_or_default());
        if length == 0 || text.len() > READ_LIMIT_BYTES {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The number that `file` of `folder` holds; nothing for `max` and for what is no number.
pub(super) fn number(folder: &Path, file: &str) -> Option<u64> {
    read(folder, file).ok()?.trim().parse().ok()
}

/// The number behind `key` in a file of lines `key number`.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    let mut lines = text.lines();
    lines.find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}
