//! `wharf restart`: containers end and start again.

use std::process::ExitCode;

use super::start::start;
use super::stop::{SIGNAL, TIME, TIMEOUT, timeout};
use super::words::for_each;
use crate::arguments::{Command, Files, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "restart",
    spellings: &["wharf container restart", "wharf restart"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Restart one or more containers",
    flags: &[SIGNAL, TIME, TIMEOUT],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for_each(session, &matches.arguments, |container| {
        let engine = session.engine();
        engine.stop_container(container, matches.some_text(&SIGNAL), timeout(matches))?;
        start(session, container)
    })
}
