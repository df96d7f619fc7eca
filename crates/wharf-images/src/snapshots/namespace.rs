//! A user and mount namespace of one's own, in which an ordinary user may mount.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags, mount_change};
use rustix::thread::UnshareFlags;

/// Why no namespace could be made.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// The kernel or its settings forbid it.
    #[error(
        "this system lets ordinary users make no user namespace: run as root, or ask the administrator to allow it (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone): {0}"
    )]
    Forbidden(#[source] io::Error),
    /// The process has several threads already.
    #[error("a user namespace can be entered only before the program starts threads: {0}")]
    Threads(#[source] io::Error),
    /// The user and group could not be mapped.
    #[error("cannot write {path}: {source}")]
    Map {
        /// The file in `/proc`.
        path: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// There is no mount namespace to be had.
    #[error("cannot make a mount namespace: {0}")]
    Mount(#[source] io::Error),
    /// Mounts could not be kept to the namespace.
    #[error("cannot make mounts private: {0}")]
    Propagation(#[source] io::Error),
}

/// Moves this process into a new user and mount namespace in which it is root and everything of its
/// user belongs to root. What is mounted there is seen by it and its children only, and goes with them.
///
/// To be called before the program starts threads.
pub fn enter_user_namespace() -> Result<(), NamespaceError> {
    let user = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    #[expect(
        deprecated,
        reason = "it is unsafe only with UnshareFlags::FILES, which is not asked for"
    )]
    let entered = rustix::thread::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS);
    entered.map_err(|error| match error {
        rustix::io::Errno::INVAL => NamespaceError::Threads(error.into()),
        _ => NamespaceError::Forbidden(error.into()),
    })?;
    // A group can be mapped by an ordinary user only once `setgroups` is given up.
    write_map("/proc/self/setgroups", "deny")?;
    write_map("/proc/self/uid_map", &format!("0 {user} 1"))?;
    write_map("/proc/self/gid_map", &format!("0 {group} 1"))?;
    keep_mounts_inside()
}

/// Moves this process, which is root, into a new mount namespace: what is mounted there is seen by it and its children only, and goes
/// with them.
pub fn enter_mount_namespace() -> Result<(), NamespaceError> {
    #[expect(
        deprecated,
        reason = "it is unsafe only with UnshareFlags::FILES, which is not asked for"
    )]
    let entered = rustix::thread::unshare(UnshareFlags::NEWNS);
    entered.map_err(|error| NamespaceError::Mount(error.into()))?;
    keep_mounts_inside()
}

/// Mounts a small file system at `target` that lives in memory, and goes with the namespace: for one of those above.
pub fn mount_memory(target: &Path) -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    Ok(rustix::mount::mount(
        "wharf",
        target,
        "tmpfs",
        flags,
        c"mode=700,size=4m",
    )?)
}

fn keep_mounts_inside() -> Result<(), NamespaceError> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(|error| NamespaceError::Propagation(error.into()))
}

fn write_map(path: &'static str, content: &str) -> Result<(), NamespaceError> {
    File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .map_err(|source| NamespaceError::Map { path, source })
}
