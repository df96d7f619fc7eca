//! `wharf system df`: what takes how much room.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::session::Session;

use crate::commands::format_option::TABLE_FORMAT_USAGE;

const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const VERBOSE: Flag =
    Flag::switch("verbose", "Show detailed information on space usage").letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "df",
    synopsis: "[OPTIONS]",
    summary: "Show wharf disk usage",
    flags: &[FORMAT, VERBOSE],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
