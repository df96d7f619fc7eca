//! The container's first process, from its birth to the program that was asked for.
//!
//! Read [`become_container`] from the top: it is the whole order of events. Whatever fails is told to the launcher over
//! the socket, and nothing of the container is left: its namespaces go with the process.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountPropagationFlags, UnmountFlags};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use super::identity::{self, Identity};
use super::{devices, mounts, program, reaper, tree};
use crate::launch::{ChildIo, Message, StartFailure};
use crate::spec::{ContainerSpec, MountSource, NamespaceChoice, ProcessSpec, Propagation};
use crate::sys;

/// What failed, in the words of the error.
pub(crate) struct InitError {
    text: String,
    exit_code: u8,
}

/// Which ids a process has to choose from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ids {
    /// The machine's.
    Machine,
    /// Those of a user namespace with several.
    Several,
    /// Those of a user namespace with one: what sets others is asked for.
    Single,
}

impl Ids {
    /// Of a user namespace, if there is one, by whether groups can be set in it.
    pub(crate) fn of(set_groups: Option<bool>) -> Self {
        match set_groups {
            None => Self::Machine,
            Some(true) => Self::Several,
            Some(false) => Self::Single,
        }
    }
}

/// What programs in containers begin with.
const USUAL_UMASK: u32 = 0o022;
/// Docker's exit code for what fails before the program could be started.
const FAILED: u8 = 125;
/// That of a shell for a program that is there and cannot be run.
pub(super) const NOT_EXECUTABLE: u8 = 126;
/// That of a shell for a program that is not there.
pub(super) const NOT_FOUND: u8 = 127;

impl InitError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            exit_code: FAILED,
        }
    }

    pub(super) fn with_code(self, exit_code: u8) -> Self {
        Self { exit_code, ..self }
    }

    /// What failed.
    pub(crate) fn text(self) -> String {
        self.text
    }

    /// Tells the launcher; the exit code for it.
    pub(crate) fn tell(self, socket: &OwnedFd) -> u8 {
        let failure = StartFailure {
            text: self.text,
            exit_code: self.exit_code,
        };
        // If the launcher is gone, nobody wants to know.
        let _nobody_there = Message::Failed(failure).send(socket);
        self.exit_code
    }
}

/// Says what was tried: `cannot mount proc at /proc: ...`.
pub(crate) fn during<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> InitError {
    let what = what.into();
    move |error| InitError::new(format!("cannot {what}: {}", error.into()))
}

/// Becomes the container's program; comes back only if that failed.
pub(crate) fn run(spec: &ContainerSpec, io: ChildIo, socket: &OwnedFd) -> u8 {
    let Err(error) = become_container(spec, io, socket);
    error.tell(socket)
}

fn become_container(
    spec: &ContainerSpec,
    io: ChildIo,
    socket: &OwnedFd,
) -> Result<Infallible, InitError> {
    rustix::process::setsid().map_err(during("begin a session"))?;
    die_with_launcher()?;
    // Ids are mapped, the cgroup is entered and the network is there when this comes.
    Message::wait_for_go(socket).map_err(during("hear from the launcher"))?;
    let mapped = spec.namespaces.user.as_ref();
    if let Some(mapping) = mapped {
        identity::become_root_inside(mapping.set_groups)?;
        die_with_launcher()?;
    }
    // What is made on the way has the modes that it is given.
    rustix::process::umask(Mode::empty());
    enter_namespaces(spec)?;
    name_the_host(spec)?;
    if spec.namespaces.network == NamespaceChoice::New {
        sys::loopback_up().map_err(during("bring the loopback device up"))?;
    }
    let terminal = build_root(spec)?;
    match (terminal, io) {
        (Some(terminal), _) => take_terminal(&terminal, socket)?,
        (None, io) => io
            .install()
            .map_err(during("connect the standard streams"))?,
    }
    for (name, value) in &spec.sysctls {
        tree::write_sysctl(name, value)?;
    }
    tree::protect_paths(&spec.masked_paths, &spec.read_only_paths)?;
    if spec.root.read_only {
        tree::make_root_read_only()?;
    }
    let folder = || tree::enter_folder(&spec.process.folder, true);
    let ids = Ids::of(mapped.map(|mapping| mapping.set_groups));
    become_program(&spec.process, ids, socket, folder)
}

/// Becomes one more program in a container whose namespaces are entered; comes back only if that failed.
pub(crate) fn run_inside(
    process: &ProcessSpec,
    ids: Ids,
    io: ChildIo,
    socket: &OwnedFd,
) -> Result<Infallible, InitError> {
    rustix::process::setsid().map_err(during("begin a session"))?;
    die_with_launcher()?;
    if process.terminal {
        let what = "open the container's root";
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open("/", flags, Mode::empty()).map_err(during(what))?;
        let terminal = devices::open_terminal(&root, process.terminal_size)?;
        let side = hand_over_terminal(&terminal, socket)?;
        ChildIo::same(&side)
            .and_then(ChildIo::install)
            .map_err(during("use the terminal"))?;
    } else {
        io.install()
            .map_err(during("connect the standard streams"))?;
    }
    become_program(process, ids, socket, || {
        tree::enter_folder(&process.folder, false)
    })
}

fn become_program(
    process: &ProcessSpec,
    ids: Ids,
    socket: &OwnedFd,
    enter_folder: impl FnOnce() -> Result<PathBuf, InitError>,
) -> Result<Infallible, InitError> {
    identity::set_limits(process)?;
    let identity = Identity::find(process, ids != Ids::Single)?;
    rustix::process::umask(Mode::from_raw_mode(USUAL_UMASK));
    let folder = enter_folder()?;
    let asks = (ids == Ids::Single).then_some(socket);
    if process.init {
        return reaper::run_below(|| program::execute(process, &identity, &folder, asks));
    }
    program::execute(process, &identity, &folder, asks)
}

/// Nothing runs that nobody watches.
pub(super) fn die_with_launcher() -> Result<(), InitError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(during("tie the container to its launcher"))
}

fn enter_namespaces(spec: &ContainerSpec) -> Result<(), InitError> {
    let choices = [
        (&spec.namespaces.network, LinkNameSpaceType::Network),
        (
            &spec.namespaces.ipc,
            LinkNameSpaceType::InterProcessCommunication,
        ),
        (
            &spec.namespaces.uts,
            LinkNameSpaceType::HostNameAndNISDomainName,
        ),
        (&spec.namespaces.cgroup, LinkNameSpaceType::ControlGroup),
    ];
    for (choice, kind) in choices {
        if let NamespaceChoice::File(path) = choice {
            let what = format!("enter the namespace {}", path.display());
            let file = std::fs::File::open(path).map_err(during(what.clone()))?;
            rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind))
                .map_err(during(what))?;
        }
    }
    // Only now, when the process is in its cgroup: the namespace begins there.
    if spec.namespaces.cgroup == NamespaceChoice::New {
        new_cgroup_namespace().map_err(during("make a cgroup namespace"))?;
    }
    Ok(())
}

#[expect(
    deprecated,
    reason = "it is deprecated for flags that make Rust's files unsafe (FILES), which are not used here"
)]
fn new_cgroup_namespace() -> Result<(), rustix::io::Errno> {
    rustix::thread::unshare(UnshareFlags::NEWCGROUP)
}

fn name_the_host(spec: &ContainerSpec) -> Result<(), InitError> {
    if spec.namespaces.uts != NamespaceChoice::New {
        return Ok(());
    }
    rustix::system::sethostname(spec.hostname.as_bytes())
        .map_err(during(format!("set the host name {:?}", spec.hostname)))?;
    if !spec.domain_name.is_empty() {
        rustix::system::setdomainname(spec.domain_name.as_bytes()).map_err(during(format!(
            "set the domain name {:?}",
            spec.domain_name
        )))?;
    }
    Ok(())
}

/// Makes the container's file tree and moves into it. Its terminal, if it wants one: the side of the launcher.
fn build_root(spec: &ContainerSpec) -> Result<Option<OwnedFd>, InitError> {
    let shares = spec.mounts.iter().any(|mount| {
        matches!(&mount.what, MountSource::Bind { propagation, .. } if *propagation != Propagation::Private)
    });
    let how = if shares {
        MountPropagationFlags::DOWNSTREAM
    } else {
        MountPropagationFlags::PRIVATE
    };
    rustix::mount::mount_change("/", how | MountPropagationFlags::REC)
        .map_err(during("keep mounts inside the container"))?;
    let root = tree::mount_root(&spec.root, &spec.mount_point)?;
    for mount in &spec.mounts {
        mounts::mount(&root, mount)?;
    }
    devices::make(&root, spec)?;
    let console = if spec.process.terminal {
        Some(devices::open_terminal(&root, spec.process.terminal_size)?)
    } else {
        None
    };
    enter_root(&root)?;
    Ok(console)
}

/// `pivot_root(".", ".")`: the old root comes to lie on the new one, and is taken away (`pivot_root(2)`, "Notes").
fn enter_root(root: &OwnedFd) -> Result<(), InitError> {
    let what = "enter the container's root";
    rustix::process::fchdir(root).map_err(during(what))?;
    rustix::process::pivot_root(".", ".").map_err(during(what))?;
    // What happens to the old root must not reach the machine's.
    rustix::mount::mount_change(
        ".",
        MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
    )
    .map_err(during(what))?;
    rustix::mount::unmount(".", UnmountFlags::DETACH)
        .map_err(during("leave the machine's root"))?;
    rustix::process::chdir(Path::new("/")).map_err(during(what))
}

/// Takes the container's side of its new terminal as standard streams.
fn take_terminal(terminal: &OwnedFd, socket: &OwnedFd) -> Result<(), InitError> {
    let side = hand_over_terminal(terminal, socket)?;
    devices::mount_console(&side)?;
    ChildIo::same(&side)
        .and_then(ChildIo::install)
        .map_err(during("use the terminal"))
}

/// Gives the launcher its side of the terminal; the other one controls this session from now on.
fn hand_over_terminal(terminal: &OwnedFd, socket: &OwnedFd) -> Result<OwnedFd, InitError> {
    let what = "set up the terminal";
    let side = devices::container_side(terminal)?;
    Message::Terminal
        .send_with(socket, terminal)
        .map_err(during(what))?;
    rustix::process::ioctl_tiocsctty(&side).map_err(during(what))?;
    Ok(side)
}
