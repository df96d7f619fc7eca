//! `wharf search`: repositories of a registry by words.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const FILTER: Flag =
    Flag::filter("filter", "Filter output based on conditions provided").letter('f');
const FORMAT: Flag = Flag::text("format", "Pretty-print search using a Go template");
const LIMIT: Flag = Flag::number("limit", "Max number of search results");
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");

pub(crate) const COMMAND: Command = Command {
    name: "search",
    synopsis: "[OPTIONS] TERM",
    summary: "Search Docker Hub for images",
    flags: &[FILTER, FORMAT, LIMIT, NO_TRUNC],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
