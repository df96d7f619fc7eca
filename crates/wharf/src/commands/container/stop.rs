//! `wharf stop`: containers are asked to end.

use std::process::ExitCode;

use super::words::for_each;
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

pub(super) const SIGNAL: Flag = Flag::text("signal", "Signal to send to the container").letter('s');
pub(super) const TIMEOUT: Flag =
    Flag::number("timeout", "Seconds to wait before killing the container").letter('t');
/// Docker's name for it until version 28.
pub(super) const TIME: Flag =
    Flag::number("time", "Seconds to wait before killing the container").hidden();

pub(crate) const COMMAND: Command = Command {
    name: "stop",
    spellings: &["wharf container stop", "wharf stop"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Stop one or more running containers",
    flags: &[SIGNAL, TIME, TIMEOUT],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for_each(session, &matches.arguments, |container| {
        let engine = session.engine();
        engine.stop_container(container, matches.some_text(&SIGNAL), timeout(matches))
    })
}

/// How long a container is given, if that was said.
pub(super) fn timeout(matches: &Matches) -> Option<i64> {
    let given = [&TIMEOUT, &TIME]
        .into_iter()
        .find(|flag| matches.is_given(flag));
    given.map(|flag| matches.number(flag))
}
