//! User and mount namespaces of one's own, in which an ordinary user may mount, and has subordinate ids.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use rustix::mount::{MountFlags, MountPropagationFlags, mount_change};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, WaitOptions};
use rustix::thread::UnshareFlags;

use crate::id_maps::{MapError, write_maps};
use crate::spec::IdMapping;
use crate::sys::{self, CloneFlags, Forked};

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
    /// The ids could not be mapped.
    #[error(transparent)]
    Map(#[from] MapError),
    /// The process that maps subordinate ids said why it did not.
    #[error("{0}")]
    Mapper(String),
    /// That process could not be started or heard.
    #[error("cannot ask for subordinate ids: {0}")]
    MapperLost(#[source] io::Error),
    /// There is no mount namespace to be had.
    #[error("cannot make a mount namespace: {0}")]
    Mount(#[source] io::Error),
    /// Mounts could not be kept to the namespace.
    #[error("cannot make mounts private: {0}")]
    Propagation(#[source] io::Error),
}

/// Moves this process into a new user and mount namespace with these ids, in which it is root. What is mounted there is seen by it and
/// its children only, and goes with them.
///
/// To be called before the program starts threads.
pub fn enter_user_namespace(ids: &IdMapping) -> Result<(), NamespaceError> {
    let (user, group) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    // Who maps subordinate ids must stand outside, and nothing leads out again.
    let mapper = ids.with_helpers.then(|| Mapper::start(ids)).transpose()?;
    #[expect(
        deprecated,
        reason = "it is unsafe only with UnshareFlags::FILES, which is not asked for"
    )]
    let entered = rustix::thread::unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS);
    entered.map_err(|error| match error {
        rustix::io::Errno::INVAL => NamespaceError::Threads(error.into()),
        _ => NamespaceError::Forbidden(error.into()),
    })?;
    match mapper {
        Some(mapper) => mapper.map()?,
        None => write_maps("self", ids)?,
    }
    // Of several namespaces, the first one was entered from outside.
    let _known = OUTSIDE.set((user, group));
    keep_mounts_inside()
}

/// User and group of this process before it entered a user namespace.
static OUTSIDE: OnceLock<(u32, u32)> = OnceLock::new();

/// Has a program started as whom this process's user is outside, if it has entered a user namespace: `ssh` and others look for their
/// keys in the home that belongs to their user's number, and find nothing of root's.
pub fn start_as_outside(command: &mut Command) {
    if let Some((user, group)) = OUTSIDE.get() {
        sys::start_within_namespace(command, *user, *group);
    }
}

/// Whether [`enter_user_namespace`] would do: tried by a process that ends then.
pub fn can_enter_user_namespace(ids: &IdMapping) -> bool {
    match sys::fork(CloneFlags::default()) {
        Ok(Forked::Child) => sys::exit_now(i32::from(enter_user_namespace(ids).is_err())),
        Ok(Forked::Parent { child, .. }) => ended_well(child),
        Err(_) => false,
    }
}

fn ended_well(child: Pid) -> bool {
    let ended =
        rustix::io::retry_on_intr(|| rustix::process::waitpid(Some(child), WaitOptions::empty()));
    matches!(ended, Ok(Some((_, status))) if status.exit_status() == Some(0))
}

/// A process that stays outside and maps the ids of this one, which are not its own alone.
struct Mapper {
    process: Pid,
    socket: OwnedFd,
}

/// What the mapper says fits into this.
const MAPPER_LIMIT_BYTES: usize = 4096;

impl Mapper {
    fn start(ids: &IdMapping) -> Result<Self, NamespaceError> {
        let (ours, theirs) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(|error| NamespaceError::MapperLost(error.into()))?;
        let entering = rustix::process::getpid().as_raw_nonzero();
        match sys::fork(CloneFlags::default()).map_err(NamespaceError::Threads)? {
            Forked::Child => {
                drop(ours);
                map_when_asked(&theirs, &entering.to_string(), ids)
            }
            Forked::Parent { child, .. } => Ok(Self {
                process: child,
                socket: ours,
            }),
        }
    }

    /// Has this process's ids mapped, now that it is in its namespace.
    fn map(self) -> Result<(), NamespaceError> {
        let lost = |error: rustix::io::Errno| NamespaceError::MapperLost(error.into());
        rustix::net::send(&self.socket, b"map", SendFlags::NOSIGNAL).map_err(lost)?;
        let mut said = vec![0; MAPPER_LIMIT_BYTES];
        let (length, _) = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.socket, &mut said[..], RecvFlags::empty())
        })
        .map_err(lost)?;
        let ended_well = ended_well(self.process);
        said.truncate(length);
        match said.as_slice() {
            [] if ended_well => Ok(()),
            said => Err(NamespaceError::Mapper(
                String::from_utf8_lossy(said).into_owned(),
            )),
        }
    }
}

/// In the process that stays outside. It never returns into what its parent was doing.
fn map_when_asked(socket: &OwnedFd, process: &str, ids: &IdMapping) -> ! {
    let mut asked = [0; 8];
    let asked =
        rustix::io::retry_on_intr(|| rustix::net::recv(socket, &mut asked[..], RecvFlags::empty()));
    let outcome = match asked {
        // Whoever started it is gone, or gave up.
        Ok((0, _)) | Err(_) => sys::exit_now(1),
        Ok(_) => write_maps(process, ids),
    };
    if let Err(error) = &outcome {
        let mut said = error.to_string().into_bytes();
        said.truncate(MAPPER_LIMIT_BYTES);
        // Its end says the same, without the cause.
        let _sent = rustix::net::send(socket, &said, SendFlags::NOSIGNAL);
    }
    sys::exit_now(i32::from(outcome.is_err()))
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
