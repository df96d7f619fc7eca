//! `wharf version`.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::session::Session;

use crate::commands::format_option::FORMAT_USAGE;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "version",
    synopsis: "[OPTIONS]",
    summary: "Show the Wharf version information",
    flags: &[FORMAT],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
