//! The container's file tree: its root, places in it, and what of it is protected.
//!
//! Until the container's root is entered, every path inside is resolved by the kernel as if that root were `/`
//! (`RESOLVE_IN_ROOT`): a symbolic link in an image leads nowhere else.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};
use wharf_layers::{Flavour, Overlay, OverlayUpper};

use super::{InitError, NOT_EXECUTABLE, during};
use crate::spec::RootSpec;
use crate::sys::{MountChange, change_mount};

/// Folders of one path at most.
const DEPTH_LIMIT: usize = 256;

/// Mounts the union of layers, and opens it.
pub(super) fn mount_root(root: &RootSpec, mount_point: &Path) -> Result<OwnedFd, InitError> {
    let overlay = Overlay {
        lowers: root.lowers.clone(),
        empty: root.empty.clone(),
        upper: Some(OverlayUpper {
            upper: root.upper.clone(),
            work: root.work.clone(),
        }),
        flavour: if root.user_flavour {
            Flavour::User
        } else {
            Flavour::Root
        },
    };
    let failed = |error| InitError::new(format!("cannot mount the container's root: {error}"));
    overlay.mount(mount_point).map_err(failed)?;
    open_path(rustix::fs::CWD, mount_point, OFlags::DIRECTORY)
        .map_err(during("open the container's root"))
}

fn open_path(at: impl std::os::fd::AsFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat(at, path, flags, Mode::empty())
}

/// Opens what is at `path` in the container, following its links within it.
pub(super) fn open_inside(root: &OwnedFd, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat2(
        root,
        path,
        flags | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
    )
}

/// The folder at `path` in the container, made with its parents where it is missing.
pub(super) fn make_folder(root: &OwnedFd, path: &Path) -> Result<OwnedFd, InitError> {
    let what = format!("make the folder {} in the container", path.display());
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    match open_inside(root, path, flags) {
        Ok(folder) => return Ok(folder),
        Err(Errno::NOENT) => (),
        Err(error) => return Err(during(what)(error)),
    }
    let mut reached = PathBuf::from("/");
    let mut folder = open_inside(root, &reached, flags).map_err(during(what.clone()))?;
    for name in names(path)? {
        reached.push(name);
        folder = match open_inside(root, &reached, flags) {
            Err(Errno::NOENT) => {
                rustix::fs::mkdirat(&folder, name, Mode::from_raw_mode(0o755))
                    .map_err(during(what.clone()))?;
                open_inside(root, &reached, flags)
            }
            other => other,
        }
        .map_err(during(what.clone()))?;
    }
    Ok(folder)
}

/// The file at `path` in the container, made empty where it is missing.
pub(super) fn make_file(root: &OwnedFd, path: &Path) -> Result<OwnedFd, InitError> {
    let what = format!("make the file {} in the container", path.display());
    match open_inside(root, path, OFlags::PATH) {
        Err(Errno::NOENT) => (),
        other => return other.map_err(during(what)),
    }
    let parent = make_folder(root, path.parent().unwrap_or(Path::new("/")))?;
    let name = path.file_name().unwrap_or(OsStr::new(""));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::openat(&parent, name, flags, Mode::from_raw_mode(0o644))
        .map_err(during(what.clone()))?;
    open_inside(root, path, OFlags::PATH).map_err(during(what))
}

/// The folders that lead to `path`, without `.` and `..`.
fn names(path: &Path) -> Result<Vec<&OsStr>, InitError> {
    let names: Vec<_> = path
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect();
    if names.len() > DEPTH_LIMIT {
        return Err(InitError::new(format!(
            "cannot use a path of {} folders, {DEPTH_LIMIT} is the limit",
            names.len()
        )));
    }
    Ok(names)
}

/// Puts the detached `mount` at the place `target`.
pub(super) fn attach(mount: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    rustix::mount::move_mount(
        mount.as_fd(),
        "",
        target.as_fd(),
        "",
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH,
    )
}

/// A detached copy of what is at `path`.
pub(super) fn detached(path: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(rustix::fs::CWD, path, flags)
}

/// Hides and protects, inside of the entered root. What is not there needs neither.
pub(super) fn protect_paths(masked: &[PathBuf], read_only: &[PathBuf]) -> Result<(), InitError> {
    for path in read_only {
        let what = format!("protect {}", path.display());
        match detached(path, true) {
            Ok(copy) => {
                change_mount(&copy, MountChange::default().read_only(), true)
                    .map_err(during(what.clone()))?;
                let place = open_path(rustix::fs::CWD, path, OFlags::empty())
                    .map_err(during(what.clone()))?;
                attach(&copy, &place).map_err(during(what))?;
            }
            Err(Errno::NOENT | Errno::NOTDIR) => (),
            Err(error) => return Err(during(what)(error)),
        }
    }
    for path in masked {
        hide(path).map_err(during(format!("hide {}", path.display())))?;
    }
    Ok(())
}

fn hide(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(()),
        // What its own permissions hide already, as in /proc of a user namespace.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error),
    };
    if metadata.is_dir() {
        rustix::mount::mount("tmpfs", path, "tmpfs", MountFlags::RDONLY, Some(c"size=0"))?;
    } else {
        rustix::mount::mount_bind("/dev/null", path)?;
    }
    Ok(())
}

/// `--read-only`: the root alone, not what is mounted in it.
pub(super) fn make_root_read_only() -> Result<(), InitError> {
    let what = "make the root read-only";
    let root =
        open_path(rustix::fs::CWD, Path::new("/"), OFlags::DIRECTORY).map_err(during(what))?;
    change_mount(&root, MountChange::default().read_only(), false).map_err(during(what))
}

/// Writes one setting below `/proc/sys`.
pub(super) fn write_sysctl(name: &str, value: &str) -> Result<(), InitError> {
    let path = Path::new("/proc/sys").join(name.replace('.', "/"));
    let what = format!("set sysctl {name}");
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(during(what.clone()))?;
    file.write_all(value.as_bytes()).map_err(during(what))
}

/// Enters the working folder, and makes it first where it is missing and `make` says so: that of a container, not of one more
/// program in it.
pub(super) fn enter_folder(path: &Path, make: bool) -> Result<PathBuf, InitError> {
    let path = if path.as_os_str().is_empty() {
        Path::new("/")
    } else {
        path
    };
    let what = format!("use the working folder {}", path.display());
    if make && !path.exists() {
        std::fs::create_dir_all(path).map_err(during(what.clone()))?;
    }
    // A folder that only the user may enter is tried again by the user.
    match rustix::process::chdir(path) {
        Ok(()) | Err(Errno::ACCESS) => Ok(path.to_path_buf()),
        Err(Errno::NOENT) => {
            let text = format!(
                "chdir to cwd ({:?}) failed: no such file or directory",
                path.display().to_string()
            );
            Err(InitError::new(text).with_code(NOT_EXECUTABLE))
        }
        Err(error) => Err(during(what)(error)),
    }
}

/// A name of `descriptor` for calls that take only paths.
pub(super) fn path_of(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}
