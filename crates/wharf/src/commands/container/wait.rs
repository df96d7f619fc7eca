//! `wharf wait`: until containers have ended, and what they ended with.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "wait",
    spellings: &["wharf container wait", "wharf wait"],
    synopsis: "CONTAINER [CONTAINER...]",
    summary: "Block until one or more containers stop, then print their exit codes",
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let mut failures = Vec::new();
    for container in &matches.arguments {
        match session
            .engine()
            .wait_for_container(container)
            .found_by_daemon()
        {
            Ok(code) => session.printer().line(&code.to_string())?,
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    anyhow::ensure!(failures.is_empty(), failures.join("\n"));
    Ok(ExitCode::SUCCESS)
}
