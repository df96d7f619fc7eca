//! `wharf history`: how an image came to be.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::HistoryRow;
use wharf_oci::ImageQuery;
use wharf_template::{Format, FormatError};

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::Moment;
use crate::formatting::history::{self, HistoryView};
use crate::session::Session;

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
    let query = ImageQuery::parse(matches.argument(0)).found_by_daemon()?;
    let platform = session.platform(matches.some_text(&PLATFORM));
    if let Some(platform) = platform.context("invalid platform")? {
        // The store holds one platform of each image: another one is not there.
        session
            .engine()
            .inspect(&query, Some(&platform))
            .found_by_daemon()?;
    }
    let steps = session.engine().history(&query).found_by_daemon()?;
    session
        .printer()
        .out_bytes(&output(matches, steps, Moment::present())?)?;
    Ok(ExitCode::SUCCESS)
}

/// The steps as the options want them.
pub(crate) fn output(
    matches: &Matches,
    steps: Vec<HistoryRow>,
    moment: Moment,
) -> Result<Vec<u8>, FormatError> {
    let human = matches.is_set(&HUMAN);
    let formatter = history::formatter(
        &Format::parse(matches.text(&FORMAT)),
        matches.is_set(&QUIET),
        human,
    )?;
    let view = HistoryView {
        human,
        truncate: !matches.is_set(&NO_TRUNC),
        moment,
    };
    formatter.write(history::titles(), view.rows(steps))
}
