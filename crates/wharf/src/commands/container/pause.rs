//! `wharf pause`: containers are held.

use std::process::ExitCode;

use super::words::for_each;
use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "pause",
    spellings: &["wharf container pause", "wharf pause"],
    synopsis: "CONTAINER [CONTAINER...]",
    summary: "Pause all processes within one or more containers",
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for_each(session, &matches.arguments, |container| {
        session.engine().hold_container(container, true)
    })
}
