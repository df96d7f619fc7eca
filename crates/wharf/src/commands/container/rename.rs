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
    let (name, new) = (matches.argument(0), matches.argument(1));
    let renamed = session.engine().rename_container(name, new);
    if let Err(failure) = renamed.found_by_daemon() {
        anyhow::bail!("{failure}\nError: failed to rename container named {name}");
    }
    Ok(ExitCode::SUCCESS)
}
