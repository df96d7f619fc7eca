//! `wharf system start-containers`: what a daemon would do when the machine starts.

use std::process::ExitCode;

use crate::arguments::{Command, Files, Matches, Positionals, Run};
use crate::commands::container::start::start;
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "start-containers",
    synopsis: "",
    summary: "Start containers that a restart policy wants to run",
    description: "Start containers that a restart policy wants to run, for the start of the machine: those with `always`, and those with\n\
                  `unless-stopped` that nobody stopped. Containers that run, or were never started, are left alone.",
    positionals: Positionals::None,
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, _matches: &Matches) -> anyhow::Result<ExitCode> {
    let wanted = session.engine().containers_to_start().found_by_daemon()?;
    let mut failures = Vec::new();
    for container in wanted {
        let name = &container.record.name;
        match start(session, &container.record.id) {
            Ok(()) => session.printer().line(name)?,
            // The others are started nevertheless.
            Err(failure) => failures.push(format!("cannot start {name}: {failure}")),
        }
    }
    anyhow::ensure!(failures.is_empty(), failures.join("\n"));
    Ok(ExitCode::SUCCESS)
}
