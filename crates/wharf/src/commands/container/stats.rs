//! `wharf stats`: what containers use.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use wharf_engine::{Container, ContainerStats, machine_memory};
use wharf_template::{Format, Value};

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::TABLE_FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::stats::{self, StatsRow};
use crate::session::Session;

const ALL: Flag =
    Flag::switch("all", "Show all containers (default shows just running)").letter('a');
const FORMAT: Flag = Flag::text("format", TABLE_FORMAT_USAGE);
const NO_STREAM: Flag = Flag::switch(
    "no-stream",
    "Disable streaming stats and only pull the first result",
);
const NO_TRUNC: Flag = Flag::switch("no-trunc", "Do not truncate output");

/// From one look to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// Goes to the first line of the terminal.
const TO_TOP: &[u8] = b"\x1b[H";
/// Deletes what is behind a line, and what is below all of them.
const REST_OF_LINE: &[u8] = b"\x1b[K\n";
const REST_OF_SCREEN: &[u8] = b"\x1b[J";

pub(crate) const COMMAND: Command = Command {
    name: "stats",
    spellings: &["wharf container stats", "wharf stats"],
    synopsis: "[OPTIONS] [CONTAINER...]",
    summary: "Display a live stream of container(s) resource usage statistics",
    flags: &[ALL, FORMAT, NO_STREAM, NO_TRUNC],
    positionals: Positionals::AtLeast(0),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let format = match matches.text(&FORMAT) {
        "" => session.docker_config()?.stats_format.as_str(),
        format => format,
    };
    let formatter = stats::formatter(&Format::parse(format))?;
    let once = matches.is_set(&NO_STREAM);
    let mut before = HashMap::new();
    look(session, matches, &mut before)?;
    loop {
        rest()?;
        let rows = look(session, matches, &mut before)?;
        let text = formatter.write(stats::titles(), rows)?;
        if once {
            session.printer().out_bytes(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
        session.printer().out_bytes(&redrawn(&text))?;
    }
}

/// Sleeps until it is time for the next look.
fn rest() -> anyhow::Result<()> {
    let time = rustix::event::Timespec::try_from(INTERVAL)?;
    match rustix::event::poll(&mut [], Some(&time)) {
        Err(rustix::io::Errno::INTR) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The rows of all containers that are meant. Their figures are the `before` of the next look.
fn look(
    session: &Session,
    matches: &Matches,
    before: &mut HashMap<String, ContainerStats>,
) -> anyhow::Result<Vec<Value>> {
    let machine_memory = machine_memory().unwrap_or_default();
    let mut rows = Vec::new();
    for (called, container) in meant(session, matches)? {
        let now = session.engine().container_stats(&container);
        let before = before.insert(container.record.id.clone(), now.clone());
        rows.push(Value::object(StatsRow {
            container,
            called,
            before,
            now,
            machine_memory,
            truncate: !matches.is_set(&NO_TRUNC),
        }));
    }
    Ok(rows)
}

fn meant(session: &Session, matches: &Matches) -> anyhow::Result<Vec<(String, Container)>> {
    let engine = session.engine();
    if matches.arguments.is_empty() {
        let all = engine.containers().found_by_daemon()?.into_iter();
        let shown = all.filter(|one| matches.is_set(&ALL) || one.state.status.is_alive());
        return Ok(shown.map(|one| (one.record.id.clone(), one)).collect());
    }
    let mut named = Vec::new();
    for name in &matches.arguments {
        let container = engine.container(name).found_by_daemon()?;
        named.push((name.clone(), container));
    }
    Ok(named)
}

/// The text at the top of the terminal, in place of the one before.
fn redrawn(text: &[u8]) -> Vec<u8> {
    let mut output = TO_TOP.to_vec();
    for line in text
        .strip_suffix(b"\n")
        .unwrap_or(text)
        .split(|byte| *byte == b'\n')
    {
        output.extend_from_slice(line);
        output.extend_from_slice(REST_OF_LINE);
    }
    output.extend_from_slice(REST_OF_SCREEN);
    output
}
