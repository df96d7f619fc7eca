//! `wharf manifest rm`: forgets manifest lists of this machine.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    synopsis: "MANIFEST_LIST [MANIFEST_LIST...]",
    summary: "Delete one or more manifest lists from local storage",
    flags: &[],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
