//! `wharf container-step`: one step of a build in a container of its own. Started by `build`, not by people.

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use crate::arguments::{Command, Group, Matches, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "container-step",
    summary: "Run one step of a build",
    group: Group::Hidden,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(_session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    let socket = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(&std::fs::File::open("/dev/null")?)?;
    wharf_runtime::run_step(socket)?;
    Ok(ExitCode::SUCCESS)
}
