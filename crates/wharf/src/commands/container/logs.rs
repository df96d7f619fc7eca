//! `wharf logs`: what a container has printed.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use wharf_runtime::{LogEntry, LogReader, OutputStream};
use wharf_template::units::parse_docker_timestamp;

use crate::arguments::{Command, Flag, Matches, Positionals, Run, quoted};
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::Moment;
use crate::session::Session;

const DETAILS: Flag = Flag::switch("details", "Show extra details provided to logs");
const FOLLOW: Flag = Flag::switch("follow", "Follow log output").letter('f');
const SINCE: Flag = Flag::text(
    "since",
    "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
);
const TAIL: Flag = Flag::text("tail", "Number of lines to show from the end of the logs")
    .letter('n')
    .default("all");
const TIMESTAMPS: Flag = Flag::switch("timestamps", "Show timestamps").letter('t');
const UNTIL: Flag = Flag::text(
    "until",
    "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)",
);
/// How often a log that is followed is looked at.
const PERIOD: Duration = Duration::from_millis(50);

pub(crate) const COMMAND: Command = Command {
    name: "logs",
    spellings: &["wharf container logs", "wharf logs"],
    synopsis: "[OPTIONS] CONTAINER",
    summary: "Fetch the logs of a container",
    flags: &[DETAILS, FOLLOW, SINCE, TAIL, TIMESTAMPS, UNTIL],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

/// Which entries are shown, and how.
struct Wanted {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    timestamps: bool,
}

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let engine = session.engine();
    let container = engine.container(matches.argument(0)).found_by_daemon()?;
    let Some((path, max_files)) = engine.container_log(&container).found_by_daemon()? else {
        anyhow::bail!(
            "Error response from daemon: configured logging driver does not support reading"
        );
    };
    let moment = Moment::present().zoned();
    let time = |flag: &Flag| {
        let text = matches.some_text(flag);
        let parsed = text.map(|text| parse_docker_timestamp(text, &moment));
        parsed
            .transpose()
            .map_err(|error| anyhow::anyhow!("invalid value for {}: {error}", quoted(flag.name)))
    };
    let wanted = Wanted {
        since: time(&SINCE)?,
        until: time(&UNTIL)?,
        timestamps: matches.is_set(&TIMESTAMPS),
    };
    let mut reader = LogReader::open(&path, max_files)?;
    show_last(session, &mut reader, &wanted, matches.text(&TAIL))?;
    let id = &container.record.id;
    while matches.is_set(&FOLLOW) {
        // Asked before the log is read once more: what is written until then is read.
        let goes_on = engine
            .container(id)
            .is_ok_and(|container| container.state.status.is_alive());
        while let Some(entry) = reader.next_entry()? {
            show(session, &wanted, &entry)?;
        }
        let late = wanted.until.is_some_and(|until| until < Timestamp::now());
        if !goes_on || late {
            break;
        }
        wait(PERIOD);
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits without a thread that sleeps: nobody ever sends.
fn wait(time: Duration) {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _nobody_sends = receiver.recv_timeout(time);
}

/// What is there, or the end of it.
fn show_last(
    session: &Session,
    reader: &mut LogReader,
    wanted: &Wanted,
    tail: &str,
) -> anyhow::Result<()> {
    // Docker takes what is no number, and numbers below zero, for all of it.
    let Ok(count) = tail.parse::<usize>() else {
        while let Some(entry) = reader.next_entry()? {
            show(session, wanted, &entry)?;
        }
        return Ok(());
    };
    let mut last: VecDeque<LogEntry> = VecDeque::new();
    while let Some(entry) = reader.next_entry()? {
        if wanted.has(&entry) {
            last.push_back(entry);
        }
        if last.len() > count {
            last.pop_front();
        }
    }
    for entry in &last {
        show(session, wanted, entry)?;
    }
    Ok(())
}

impl Wanted {
    fn has(&self, entry: &LogEntry) -> bool {
        self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
    }
}

fn show(session: &Session, wanted: &Wanted, entry: &LogEntry) -> anyhow::Result<()> {
    if !wanted.has(entry) {
        return Ok(());
    }
    let text = if wanted.timestamps {
        format!("{} {}", entry.time_text, entry.text)
    } else {
        entry.text.clone()
    };
    match entry.stream {
        OutputStream::Stdout => session.printer().out(&text)?,
        OutputStream::Stderr => session.printer().error(&text),
    }
    Ok(())
}
