//! `wharf unshare`: a command where an ordinary user may mount.
//!
//! The kernel lets ordinary users mount only where they are root themselves: in a user namespace of their own, with a
//! mount namespace that belongs to it. Mounts made there are seen there, and end with the last process in it.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{self, ExitCode};

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
    session.enter_namespace_to_mount()?;
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
