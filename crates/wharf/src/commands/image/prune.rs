//! `wharf image prune`: removes images that nothing needs.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::session::Session;

const ALL: Flag =
    Flag::switch("all", "Remove all unused images, not just dangling ones").letter('a');
const FILTER: Flag = Flag::filter(
    "filter",
    "Provide filter values (e.g. \"until=<timestamp>\")",
);
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    synopsis: "[OPTIONS]",
    summary: "Remove unused images",
    flags: &[ALL, FILTER, FORCE],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
