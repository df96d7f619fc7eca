//! `wharf container-monitor`: the process beside a container, which watches it. Started by `run` and `start`, not by people.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::arguments::{Command, Group, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "container-monitor",
    synopsis: "ID",
    summary: "Watch a container",
    positionals: Positionals::Exactly(1),
    group: Group::Hidden,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    // What ends the session of whoever started it does not end it.
    rustix::process::setsid().context("cannot begin a session")?;
    let stdin = std::io::stdin();
    let first = UnixStream::from(stdin.as_fd().try_clone_to_owned()?);
    // The container must not hold this end open.
    let nothing = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    session
        .engine()
        .run_container_monitor(matches.argument(0), first)?;
    Ok(ExitCode::SUCCESS)
}
