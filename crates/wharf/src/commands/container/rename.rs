//! `wharf rename`: a container gets another name.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "rename",
    spellings: &["wharf container rename", "wharf rename"],
    synopsis: "CONTAINER NEW_NAME",
    summary: "Rename a container",
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    session
        .engine()
        .rename_container(matches.argument(0), matches.argument(1))
        .found_by_daemon()?;
    Ok(ExitCode::SUCCESS)
}
