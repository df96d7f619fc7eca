//! A layer's tar stream becomes a directory, with as few system calls as it can: a file costs `openat`, `write`,
//! `utimensat` and `close`, relative to a parent directory that is held open.

use std::fs;
use std::io::Write as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chownat,
    fchmod, fsetxattr, futimens, linkat, lsetxattr, mkdirat, mknodat, openat, symlinkat, unlinkat,
    utimensat,
};
use rustix::io::Errno;

use crate::Failure;
use crate::archive::{BLOCK, Entry, Extended, number, padding};

/// Writes one layer.
pub(crate) struct Untar {
    state: State,
    /// The header that is being collected, or the text of a long name or PAX record.
    collected: Vec<u8>,
    extended: Extended,
    parents: Parents,
    /// Directories get their times last: what is put into them would change these.
    directory_times: Vec<(Vec<u8>, i64, u32)>,
    ordinary_user: bool,
}

enum State {
    Header,
    Data {
        file: OwnedFd,
        times: Timestamps,
        remaining: u64,
        padding: u64,
    },
    Collect {
        kind: u8,
        remaining: u64,
        padding: u64,
    },
    Skip {
        remaining: u64,
    },
}

impl Untar {
    pub(crate) fn new(target: &Path) -> Result<Self, Failure> {
        fs::create_dir(target)?;
        Ok(Self {
            state: State::Header,
            collected: Vec::with_capacity(BLOCK),
            extended: Extended::default(),
            parents: Parents {
                root: open_directory(CWD, target)?,
                path: Vec::new(),
                stack: Vec::new(),
            },
            directory_times: Vec::new(),
            ordinary_user: !rustix::process::geteuid().is_root() || !can_change_owner(target),
        })
    }

    /// Takes the next piece of the tar.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Result<(), Failure> {
        while !input.is_empty() {
            let used = match &mut self.state {
                State::Header => self.feed_header(input)?,
                State::Data {
                    file,
                    times,
                    remaining,
                    padding,
                } => {
                    let take = piece(input, *remaining);
                    let written = rustix::io::write(&*file, &input[..take])?;
                    *remaining -= written as u64;
                    if *remaining == 0 {
                        futimens(&*file, times)?;
                        self.state = State::Skip {
                            remaining: *padding,
                        };
                        self.end_skip();
                    }
                    written
                }
                State::Collect {
                    kind,
                    remaining,
                    padding,
                } => {
                    let take = piece(input, *remaining);
                    self.collected.extend_from_slice(&input[..take]);
                    *remaining -= take as u64;
                    if *remaining == 0 {
                        let (kind, padding) = (*kind, *padding);
                        self.state = State::Skip { remaining: padding };
                        self.end_skip();
                        let text = std::mem::take(&mut self.collected);
                        self.extended.learn(kind, &text)?;
                    }
                    take
                }
                State::Skip { remaining } => {
                    let take = piece(input, *remaining);
                    *remaining -= take as u64;
                    self.end_skip();
                    take
                }
            };
            input = &input[used..];
        }
        Ok(())
    }

    /// Sets the times of the directories.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        for (path, seconds, nanoseconds) in self.directory_times.iter().rev() {
            let path: &[u8] = if path.is_empty() { b"." } else { path };
            let times = timestamps(*seconds, *nanoseconds);
            match utimensat(&self.parents.root, path, &times, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn end_skip(&mut self) {
        if matches!(self.state, State::Skip { remaining: 0 }) {
            self.state = State::Header;
        }
    }

    fn feed_header(&mut self, input: &[u8]) -> Result<usize, Failure> {
        // Nearly always the whole header lies in this piece: then it is not copied.
        if self.collected.is_empty() && input.len() >= BLOCK {
            self.begin(&input[..BLOCK])?;
            return Ok(BLOCK);
        }
        let take = input.len().min(BLOCK - self.collected.len());
        self.collected.extend_from_slice(&input[..take]);
        if self.collected.len() == BLOCK {
            let header = std::mem::take(&mut self.collected);
            self.begin(&header)?;
        }
        Ok(take)
    }

    fn begin(&mut self, header: &[u8]) -> Result<(), Failure> {
        if header.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let kind = header[156];
        if matches!(kind, b'x' | b'g' | b'L' | b'K') {
            let size = number(&header[124..136])?;
            self.state = State::Collect {
                kind,
                remaining: size,
                padding: padding(size),
            };
            return Ok(());
        }
        let entry = Entry::read(header, std::mem::take(&mut self.extended))?;
        self.create(&entry)
    }

    fn create(&mut self, entry: &Entry) -> Result<(), Failure> {
        if entry.path.is_empty() {
            return Ok(());
        }
        let (parent, name) = match entry.path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&entry.path[..slash], &entry.path[slash + 1..]),
            None => (&b""[..], &entry.path[..]),
        };
        self.parents.open(parent)?;
        let parent = self.parents.current();
        if let Some(hidden) = name.strip_prefix(b".wh.") {
            return hide(parent, hidden, self.ordinary_user);
        }
        let mode = Mode::from_raw_mode(entry.mode);
        let times = timestamps(entry.seconds, entry.nanoseconds);
        match entry.kind {
            b'0' | 0 | b'7' => {
                let file = create_file(parent, name, mode)?;
                self.dress_file(&file, entry, mode)?;
                if entry.size == 0 {
                    futimens(&file, &times)?;
                } else {
                    self.state = State::Data {
                        file,
                        times,
                        remaining: entry.size,
                        padding: padding(entry.size),
                    };
                }
                return Ok(());
            }
            b'5' => {
                match mkdirat(parent, name, mode) {
                    Ok(()) => {}
                    Err(Errno::EXIST) => {
                        rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
                    }
                    Err(error) => return Err(error.into()),
                }
                self.directory_times
                    .push((entry.path.clone(), entry.seconds, entry.nanoseconds));
            }
            b'1' => {
                return replacing(parent, name, || {
                    let link = entry.link.as_slice();
                    linkat(&self.parents.root, link, parent, name, AtFlags::empty())
                });
            }
            b'2' => {
                replacing(parent, name, || {
                    symlinkat(entry.link.as_slice(), parent, name)
                })?;
                utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            b'3' | b'4' | b'6' if self.ordinary_user && entry.kind != b'6' => return Ok(()),
            b'3' | b'4' | b'6' => {
                let kind = match entry.kind {
                    b'3' => FileType::CharacterDevice,
                    b'4' => FileType::BlockDevice,
                    _ => FileType::Fifo,
                };
                replacing(parent, name, || {
                    mknodat(parent, name, kind, mode, entry.device)
                })?;
                utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            _ => {}
        }
        self.dress_other(parent, name, entry)
    }

    /// Owner, special bits and attributes of a file that is open.
    fn dress_file(&self, file: &OwnedFd, entry: &Entry, mode: Mode) -> Result<(), Failure> {
        if entry.has_owner() && !self.ordinary_user {
            let (uid, gid) = entry.owner();
            rustix::fs::fchown(file, Some(uid), Some(gid))?;
            if entry.mode & 0o6000 != 0 {
                fchmod(file, mode)?;
            }
        }
        if !self.ordinary_user {
            for (name, value) in &entry.xattrs {
                fsetxattr(file, name.as_slice(), value, XattrFlags::empty())?;
            }
        }
        Ok(())
    }

    /// The same for what is not a regular file.
    fn dress_other(&self, parent: &OwnedFd, name: &[u8], entry: &Entry) -> Result<(), Failure> {
        if self.ordinary_user {
            return Ok(());
        }
        if entry.has_owner() {
            let (uid, gid) = entry.owner();
            chownat(
                parent,
                name,
                Some(uid),
                Some(gid),
                AtFlags::SYMLINK_NOFOLLOW,
            )?;
            if entry.mode & 0o6000 != 0 && entry.kind != b'2' {
                let mode = Mode::from_raw_mode(entry.mode);
                rustix::fs::chmodat(parent, name, mode, AtFlags::empty())?;
            }
        }
        for (attribute, value) in &entry.xattrs {
            let path = path_of(parent, name);
            lsetxattr(
                path.as_slice(),
                attribute.as_slice(),
                value,
                XattrFlags::empty(),
            )?;
        }
        Ok(())
    }
}

/// The directory that entries are put into, and its parents up to the root, held open.
struct Parents {
    root: OwnedFd,
    path: Vec<u8>,
    /// Each directory on the way to `path`, with the length of its own path.
    stack: Vec<(usize, OwnedFd)>,
}

impl Parents {
    fn current(&self) -> &OwnedFd {
        self.stack.last().map_or(&self.root, |(_, fd)| fd)
    }

    fn open(&mut self, path: &[u8]) -> Result<(), Failure> {
        if self.path != path {
            while let Some((length, _)) = self.stack.last() {
                let held = &self.path[..*length];
                if path.starts_with(held)
                    && (path.len() == *length || path.get(*length) == Some(&b'/'))
                {
                    break;
                }
                self.stack.pop();
            }
            let mut start = self.stack.last().map_or(0, |(length, _)| length + 1);
            while start < path.len() {
                let end = path[start..]
                    .iter()
                    .position(|byte| *byte == b'/')
                    .map_or(path.len(), |slash| start + slash);
                let above = self.current();
                let name = &path[start..end];
                let directory = match open_directory(above, name) {
                    Err(Errno::NOENT) => {
                        mkdirat(above, name, Mode::from_raw_mode(0o755))?;
                        open_directory(above, name)?
                    }
                    opened => opened?,
                };
                self.stack.push((end, directory));
                start = end + 1;
            }
            self.path.clear();
            self.path.extend_from_slice(path);
        }
        Ok(())
    }
}

fn open_directory(
    parent: impl std::os::fd::AsFd,
    name: impl rustix::path::Arg,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

fn create_file(parent: &OwnedFd, name: &[u8], mode: Mode) -> Result<OwnedFd, Failure> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match openat(parent, name, flags, mode) {
        Err(Errno::EXIST) => {
            unlinkat(parent, name, AtFlags::empty())?;
            Ok(openat(parent, name, flags, mode)?)
        }
        opened => Ok(opened?),
    }
}

fn replacing(
    parent: &OwnedFd,
    name: &[u8],
    make: impl Fn() -> Result<(), Errno>,
) -> Result<(), Failure> {
    match make() {
        Err(Errno::EXIST) => {
            unlinkat(parent, name, AtFlags::empty())?;
            Ok(make()?)
        }
        made => Ok(made?),
    }
}

/// A whiteout of the layer format becomes one of overlayfs.
fn hide(parent: &OwnedFd, hidden: &[u8], ordinary_user: bool) -> Result<(), Failure> {
    if hidden == b".wh..opq" {
        let attribute = if ordinary_user {
            "user.overlay.opaque"
        } else {
            "trusted.overlay.opaque"
        };
        let path = path_of(parent, b".");
        return Ok(lsetxattr(
            path.as_slice(),
            attribute,
            b"y",
            XattrFlags::empty(),
        )?);
    }
    mknodat(
        parent,
        hidden,
        FileType::CharacterDevice,
        Mode::from_raw_mode(0o600),
        0,
    )?;
    Ok(())
}

/// Extended attributes have no call relative to a directory: the descriptor's name in /proc stands in.
fn path_of(parent: &OwnedFd, name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(32 + name.len());
    // A vector takes every write.
    drop(write!(path, "/proc/self/fd/{}/", parent.as_raw_fd()));
    path.extend_from_slice(name);
    path
}

/// In a user namespace of one id, root cannot give files away.
fn can_change_owner(target: &Path) -> bool {
    let (one, other) = (Uid::from_raw(1), Gid::from_raw(1));
    let root = (Uid::from_raw(0), Gid::from_raw(0));
    chownat(CWD, target, Some(one), Some(other), AtFlags::empty()).is_ok()
        && chownat(CWD, target, Some(root.0), Some(root.1), AtFlags::empty()).is_ok()
}

fn timestamps(seconds: i64, nanoseconds: u32) -> Timestamps {
    let time = Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

fn piece(input: &[u8], remaining: u64) -> usize {
    input
        .len()
        .min(usize::try_from(remaining).unwrap_or(usize::MAX))
}
