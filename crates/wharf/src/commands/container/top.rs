//! `wharf top`: the processes of a container.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

/// Columns are at least so wide, with so much between them.
const COLUMN_WIDTH: usize = 20;
const GAP: usize = 3;

pub(crate) const COMMAND: Command = Command {
    name: "top",
    spellings: &["wharf container top", "wharf top"],
    synopsis: "CONTAINER [ps OPTIONS]",
    summary: "Display the running processes of a container",
    positionals: Positionals::AtLeast(1),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let options = matches.arguments.get(1..).unwrap_or_default();
    let rows = session
        .engine()
        .container_processes(matches.argument(0), options)
        .found_by_daemon()?;
    session.printer().out(&table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

/// Each column as wide as its widest cell; the last one as it is.
fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let widest = cells.map(|cell| cell.chars().count()).max();
        (widest.unwrap_or_default() + GAP).max(COLUMN_WIDTH)
    };
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        for (position, (cell, width)) in row.iter().zip(&widths).enumerate() {
            text.push_str(cell);
            if position + 1 < row.len() {
                text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
        }
        text.push('\n');
    }
    text
}
