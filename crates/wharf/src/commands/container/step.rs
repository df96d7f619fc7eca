//! `wharf container-step`: starts the steps of a build, each in a container of its own. Started by `build`, not by people.

use std::os::fd::AsFd as _;
use std::process::ExitCode;

use crate::arguments::{Command, Group, Matches, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "container-step",
    summary: "Run the steps of a build",
    group: Group::Hidden,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(_session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    rustix::stdio::dup2_stdin(&std::fs::File::open("/dev/null")?)?;
    wharf_runtime::start_steps(socket)?;
    Ok(ExitCode::SUCCESS)
}
