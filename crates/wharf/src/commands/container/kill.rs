//! `wharf kill`: containers get a signal, SIGKILL unless another is named.

use std::process::ExitCode;

use super::words::for_each;
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const SIGNAL: Flag = Flag::text("signal", "Signal to send to the container").letter('s');

pub(crate) const COMMAND: Command = Command {
    name: "kill",
    spellings: &["wharf container kill", "wharf kill"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Kill one or more running containers",
    flags: &[SIGNAL],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let signal = matches.some_text(&SIGNAL).unwrap_or("SIGKILL");
    for_each(session, &matches.arguments, |container| {
        session.engine().kill_container(container, signal)
    })
}
