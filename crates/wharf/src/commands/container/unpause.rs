//! `wharf unpause`: containers go on.

use std::process::ExitCode;

use super::words::for_each;
use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "unpause",
    spellings: &["wharf container unpause", "wharf unpause"],
    synopsis: "CONTAINER [CONTAINER...]",
    summary: "Unpause all processes within one or more containers",
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for_each(session, &matches.arguments, |container| {
        session.engine().hold_container(container, false)
    })
}
