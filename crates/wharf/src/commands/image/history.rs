//! `wharf history`: how an image came to be.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

use crate::commands::format_option::TABLE_FORMAT_USAGE;

const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const HUMAN: Flag = Flag::switch("human", "Print sizes and dates in human readable format")
    .letter('H')
    .default("true");
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Don't truncate output");
const PLATFORM: Flag = Flag::text(
    "platform",
    "Show history for the given platform. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);
const QUIET: Flag = Flag::switch("quiet", "Only show image IDs").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "history",
    spellings: &["wharf image history", "wharf history"],
    synopsis: "[OPTIONS] IMAGE",
    summary: "Show the history of an image",
    flags: &[FORMAT, HUMAN, NO_TRUNC, PLATFORM, QUIET],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
