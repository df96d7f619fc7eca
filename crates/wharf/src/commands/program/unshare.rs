//! `wharf unshare`: a command where an ordinary user may mount.
//!
//! The kernel lets ordinary users mount only where they are root themselves: in a user namespace of their own, with a
//! mount namespace that belongs to it. Mounts made there are seen there, and end with the last process in it.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{self, ExitCode};

use anyhow::Context as _;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{getegid, geteuid};
use rustix::thread::UnshareFlags;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::exit::Failure;
use crate::session::Session;

/// Exit codes of a shell for a command that is not there, or cannot be run.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

pub(crate) const COMMAND: Command = Command {
    name: "unshare",
    synopsis: "[COMMAND [ARG...]]",
    summary: "Run a command in a user and mount namespace, where images can be mounted",
    description: "Run a command, or a shell, in a mount namespace of its own.\n\
                  Ordinary users are root there, so that `wharf image mount` works for them; what they mount is seen \
                  only there,\nand is unmounted when the command ends.",
    positionals: Positionals::AtLeast(0),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    if geteuid().is_root() {
        unshare(UnshareFlags::NEWNS).context("cannot make a mount namespace")?;
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .context("cannot keep mounts inside the namespace")?;
    } else {
        become_root_inside().context(
            "cannot make a user namespace: the kernel may forbid it to ordinary users \
             (kernel.unprivileged_userns_clone, user.max_user_namespaces)",
        )?;
    }
    let shell = session
        .environment()
        .shell
        .clone()
        .unwrap_or_else(|| "/bin/sh".into());
    let (program, arguments) = match matches.arguments.split_first() {
        Some((program, arguments)) => (program.into(), arguments),
        None => (shell, &[][..]),
    };
    let error = process::Command::new(&program).args(arguments).exec();
    let exit_code = if error.kind() == io::ErrorKind::NotFound {
        NOT_FOUND
    } else {
        NOT_EXECUTABLE
    };
    Err(Failure {
        exit_code,
        text: format!("cannot run {}: {error}", program.display()),
    }
    .into())
}

fn become_root_inside() -> io::Result<()> {
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)?;
    // Without this the kernel takes no group map from an ordinary user.
    write_proc("/proc/self/setgroups", "deny")?;
    write_proc("/proc/self/uid_map", &format!("0 {user} 1"))?;
    write_proc("/proc/self/gid_map", &format!("0 {group} 1"))
}

#[expect(
    deprecated,
    reason = "it is deprecated for flags that make Rust's files unsafe (FILES), which are not used here"
)]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    rustix::thread::unshare(flags).map_err(Into::into)
}

fn write_proc(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .open(path)?
        .write_all(text.as_bytes())
}
