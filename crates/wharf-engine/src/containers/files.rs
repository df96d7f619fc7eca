//! Files of a container, read and written from outside: `cp`, and what Docker's API has for it (`/containers/ID/archive`).
//!
//! Paths are the container's: every link is followed within its root, by the kernel (`RESOLVE_IN_ROOT`), whatever the container does
//! meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Read as _, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat, StatVfsMountFlags, StatxFlags,
};
use rustix::io::Errno;
use rustix::process::Pid;
use wharf_images::Flavour;
use wharf_layers::{
    ExtractError, ExtractOptions, ExtractPlace, Limits, Ownership, TarWriter, TreeKind,
    archive_named, extract_archive,
};
use wharf_runtime::{FilesLock, find_account, mount_in_root, open_running_root};
use wharf_transfer::ErrorKind;

use super::record::{Container, ContainerRecord};
use super::root_view::RootView;
use super::spec::{bind, mount_spec};
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

/// Links that lead to links, at most (the kernel's number).
const LINKS_LIMIT: usize = 40;
/// A file of users or groups may be this long.
const ACCOUNTS_LIMIT_BYTES: u64 = 8 << 20;

/// The files of one container.
#[derive(Debug)]
pub struct ContainerFiles {
    root: OwnedFd,
    record: ContainerRecord,
    /// What the container was called by whoever asked.
    called: String,
    flavour: Flavour,
    limits: Limits,
    _lock: Option<FilesLock>,
}

/// What is at a path of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStat {
    /// The last part of the path.
    pub name: String,
    /// Bytes.
    pub size_bytes: u64,
    /// Kind and permissions, as stat(2) has them.
    pub mode: u32,
    /// When the content was changed, in seconds since 1970.
    pub modified: i64,
    /// Where a link leads in the end, if it is one: an absolute path of the container.
    pub link_target: Option<PathBuf>,
}

impl PathStat {
    /// Whether it is a folder.
    pub fn is_folder(&self) -> bool {
        FileType::from_raw_mode(self.mode) == FileType::Directory
    }

    /// Whether it is a node of a device.
    pub fn is_device(&self) -> bool {
        matches!(
            FileType::from_raw_mode(self.mode),
            FileType::CharacterDevice | FileType::BlockDevice
        )
    }
}

impl Classified for ExtractError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Write { source, .. } => Classified::kind(source),
            _ => ErrorKind::Invalid,
        }
    }
}

impl Engine {
    /// Opens the files of a container, to be written or only read. Only a process with one thread can, and does it once: it moves into
    /// namespaces of its own, or the container's.
    pub fn container_files(
        &self,
        text: &str,
        written: bool,
    ) -> Result<ContainerFiles, EngineError> {
        let mut container = self.container(text)?;
        let folder = self.container_folder(&container.record.id);
        let mut lock = None;
        if written && !container.state.status.is_alive() {
            lock = folder.lock_files().map_err(classify)?;
            // It may have been started while others were waited for.
            container = self.container(text)?;
            if lock.is_none() && !container.state.status.is_alive() {
                let id = &container.record.id;
                let text =
                    format!("Container {id} is restarting, wait until the container is running");
                return Err(failure(ErrorKind::Conflict, text));
            }
        }
        let root = if container.state.status.is_alive() {
            self.running_root(&container)?
        } else {
            self.resting_root(&container.record, written)?
        };
        Ok(ContainerFiles {
            root,
            record: container.record,
            called: text.to_owned(),
            flavour: self.store()?.flavour(),
            limits: self.settings().limits.clone(),
            _lock: lock,
        })
    }

    fn running_root(&self, container: &Container) -> Result<OwnedFd, EngineError> {
        let id = &container.record.id;
        let gone = || {
            let text = format!("container {id} is not running");
            failure(ErrorKind::Conflict, text)
        };
        let process = container.state.process.and_then(Pid::from_raw);
        let order = self.container_folder(id).order().map_err(classify)?;
        let inside = order.spec.namespaces.user.is_some();
        open_running_root(process.ok_or_else(gone)?, inside).map_err(classify)
    }

    /// The tree of a container that does not run, with its volumes, and what is bound into it.
    fn resting_root(
        &self,
        record: &ContainerRecord,
        written: bool,
    ) -> Result<OwnedFd, EngineError> {
        let folder = self.container_folder(&record.id);
        let mut mounts = Vec::new();
        for name in ["hosts", "hostname", "resolv.conf"] {
            let path = folder.path().join(name);
            if path.exists() {
                mounts.push(bind(&path, &format!("/etc/{name}"), true));
            }
        }
        for mount in record.mounts.iter().filter(|mount| mount.kind != "tmpfs") {
            mounts.push(mount_spec(mount)?);
        }
        let view = match (written, mounts.is_empty()) {
            (true, _) => RootView::Written,
            (false, false) => RootView::ReadWithMounts,
            (false, true) => RootView::Read,
        };
        let root = self.mount_root(record, view)?;
        for mount in &mounts {
            mount_in_root(&root, mount).map_err(classify)?;
        }
        Ok(root)
    }
}

impl ContainerFiles {
    /// What is at a path: a link itself, unless the path ends in a slash.
    pub fn stat(&self, path: &str) -> Result<PathStat, EngineError> {
        let path = &absolute(path);
        let (held, stat) = self.look(path).map_err(|error| self.missing(path, error))?;
        let is_link = FileType::from_raw_mode(stat.st_mode) == FileType::Symlink;
        let link_target = if is_link {
            Some(self.link_target(path, &held).map_err(classify)?)
        } else {
            None
        };
        Ok(PathStat {
            name: last_name(path).to_string_lossy().into_owned(),
            size_bytes: u64::try_from(stat.st_size).unwrap_or_default(),
            mode: stat.st_mode,
            modified: stat.st_mtime,
            link_target,
        })
    }

    /// Writes an archive of what is at `path`. Its first name is `called`, or the last part of the path.
    pub fn archive(
        &self,
        path: &str,
        called: Option<&OsStr>,
        output: impl Write,
    ) -> Result<(), EngineError> {
        let path = &absolute(path);
        let missing = |error| self.missing(path, error);
        let (_, stat) = self.look(path).map_err(missing)?;
        let called = called.unwrap_or_else(|| last_name(path));
        let (folder, name) = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY;
            (self.open(path, flags).map_err(missing)?, OsStr::new("."))
        } else {
            let (above, name) = split(path);
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            (self.open(&above, flags).map_err(missing)?, name)
        };
        let kind = if self.flavour.is_users() {
            TreeKind::Changes(self.flavour)
        } else {
            TreeKind::Plain
        };
        let mut writer = TarWriter::new(output);
        archive_named(&folder, kind, name, called.as_bytes(), &mut writer).map_err(classify)?;
        writer.finish().map_err(classify)?;
        Ok(())
    }

    /// Unpacks an archive in the folder `path`. Files belong to whom the archive says, or to the container's user.
    pub fn extract(
        &self,
        path: &str,
        archive: impl BufRead,
        for_containers_user: bool,
    ) -> Result<(), EngineError> {
        let shown = Path::new("/").join(path);
        let held = match self.follow(path) {
            Err(Errno::NOTDIR) => {
                let text = "extraction point is not a directory";
                return Err(failure(ErrorKind::Invalid, text));
            }
            other => other.map_err(|error| self.missing(Path::new(path), error))?,
        };
        self.check_writable(&held)?;
        let options = ExtractOptions {
            ownership: self.ownership(for_containers_user)?,
            remembers: self.flavour.is_users(),
            limits: self.limits.clone(),
        };
        let root = self.root.try_clone().map_err(classify)?;
        let mut place = ExtractPlace::within(root, &shown);
        extract_archive(archive, &mut place, &options).map_err(classify)
    }

    fn follow(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.open(&absolute(path), OFlags::PATH | OFlags::DIRECTORY)
    }

    fn open(&self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::CLOEXEC;
        rustix::fs::openat2(&self.root, path, flags, Mode::empty(), resolve)
    }

    fn look(&self, path: &Path) -> Result<(OwnedFd, Stat), Errno> {
        let held = self.open(path, OFlags::PATH | OFlags::NOFOLLOW)?;
        let stat = rustix::fs::fstat(&held)?;
        Ok((held, stat))
    }

    /// Where a link leads in the end: to something that is no link, or that is not there.
    fn link_target(&self, path: &Path, link: &OwnedFd) -> io::Result<PathBuf> {
        let mut at = path.to_path_buf();
        let mut target = rustix::fs::readlinkat(link, "", Vec::new())?;
        for _ in 0..LINKS_LIMIT {
            let next = PathBuf::from(OsString::from_vec(target.into_bytes()));
            at = cleaned(&split(&at).0.join(next));
            match self.look(&at) {
                Ok((held, stat)) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                    target = rustix::fs::readlinkat(&held, "", Vec::new())?;
                }
                _ => return Ok(at),
            }
        }
        Err(Errno::LOOP.into())
    }

    /// What cannot be written is said before half of it is there.
    fn check_writable(&self, folder: &OwnedFd) -> Result<(), EngineError> {
        let mount = |held: &OwnedFd| -> Result<u64, Errno> {
            let wanted = StatxFlags::MNT_ID;
            Ok(rustix::fs::statx(held, "", AtFlags::EMPTY_PATH, wanted)?.stx_mnt_id)
        };
        let of_root = mount(&self.root).map_err(io::Error::from);
        let of_folder = mount(folder).map_err(io::Error::from);
        let in_root = of_root.map_err(classify)? == of_folder.map_err(classify)?;
        let flags = rustix::fs::fstatvfs(folder)
            .map_err(|error| classify(io::Error::from(error)))?
            .f_flag;
        let read_only = flags.contains(StatVfsMountFlags::RDONLY);
        let text = if in_root && (read_only || self.record.host_config.readonly_rootfs) {
            "container rootfs is marked read-only"
        } else if read_only {
            "mounted volume is marked read-only"
        } else {
            return Ok(());
        };
        Err(failure(ErrorKind::Invalid, text))
    }

    fn ownership(&self, for_containers_user: bool) -> Result<Ownership, EngineError> {
        let user = &self.record.config.user;
        if !for_containers_user || user.is_empty() {
            return Ok(Ownership::Archived);
        }
        let (passwd, group) = (self.read("/etc/passwd")?, self.read("/etc/group")?);
        let account = find_account(user, &[], &passwd, &group)
            .map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?;
        Ok(Ownership::Of(account.user, account.group))
    }

    fn read(&self, path: &str) -> Result<String, EngineError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let file = match self.open(Path::new(path), flags) {
            Err(Errno::NOENT) => return Ok(String::new()),
            other => File::from(other.map_err(|error| self.missing(Path::new(path), error))?),
        };
        let mut bytes = Vec::new();
        file.take(ACCOUNTS_LIMIT_BYTES)
            .read_to_end(&mut bytes)
            .map_err(classify)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Docker's words for what is not there, and for what cannot be looked at.
    fn missing(&self, path: &Path, error: Errno) -> EngineError {
        let path = path.display();
        if error == Errno::NOENT {
            let called = &self.called;
            let text = format!("Could not find the file {path} in container {called}");
            return failure(ErrorKind::NotFound, text);
        }
        let text = match error {
            Errno::NOTDIR => format!("lstat {path}: not a directory"),
            error => format!("lstat {path}: {}", io::Error::from(error)),
        };
        failure(ErrorKind::Invalid, text)
    }
}

/// The path from the container's root, clean; a slash or `/.` at its end stays, since it means something.
fn absolute(path: &str) -> PathBuf {
    let mut text = cleaned(&Path::new("/").join(path)).into_os_string();
    let ends_in_dot = path == "." || path.ends_with("/.");
    if ends_in_dot || path.ends_with('/') {
        if text != "/" {
            text.push("/");
        }
        if ends_in_dot {
            text.push(".");
        }
    }
    PathBuf::from(text)
}

/// Without `.` and `..`, as text.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => (),
        }
    }
    clean
}

/// What an archive of a path calls it: `.` if that is how the path ends, nothing of the root.
fn last_name(path: &Path) -> &OsStr {
    if path.as_os_str().as_bytes().ends_with(b"/.") {
        return OsStr::new(".");
    }
    path.file_name().unwrap_or_default()
}

fn split(path: &Path) -> (PathBuf, &OsStr) {
    let above = path.parent().unwrap_or(Path::new("/")).to_path_buf();
    (above, path.file_name().unwrap_or(OsStr::new(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_paths_mean_something() {
        for (path, expected, name) in [
            ("a/b", "/a/b", "b"),
            ("/a/../b/", "/b/", "b"),
            ("/a/.", "/a/.", "."),
            (".", "/.", "."),
            ("/", "/", ""),
            ("../../etc", "/etc", "etc"),
        ] {
            let found = absolute(path);
            assert_eq!(found.as_os_str(), expected, "{path}");
            assert_eq!(last_name(&found), name, "{path}");
        }
    }
}
