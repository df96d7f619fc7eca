//! `wharf image prune`: removes images that nothing needs.

use std::fmt::Write as _;
use std::process::ExitCode;

use wharf_images::{PruneFilter, PruneReport, RemoveEvent};
use wharf_template::units::human_size;

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::{FilterError, FilterTerms};
use crate::formatting::Moment;
use crate::prompt;
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
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let all = matches.is_set(&ALL);
    let what = if all {
        "images without at least one container associated to them"
    } else {
        "dangling images"
    };
    let question =
        format!("WARNING! This will remove all {what}.\nAre you sure you want to continue?");
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let terms = FilterTerms::for_prune(
        matches.list(&FILTER),
        &session.docker_config()?.prune_filters,
    );
    let filter = filter(&terms, all).found_by_daemon()?;
    let report = session.engine().prune_images(&filter).found_by_daemon()?;
    session.printer().out(&format!(
        "{}{}",
        deleted(&report),
        reclaimed(report.reclaimed_bytes)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What `--filter` lets through.
pub(crate) fn filter(terms: &FilterTerms, all: bool) -> Result<PruneFilter, FilterError> {
    terms.accept_only(&["dangling", "label", "label!", "until"])?;
    // Docker's client sends what `--all` says as one more filter: the two must not contradict each other. What is
    // neither yes nor no is not looked at.
    let opposite = if all { ["1", "true"] } else { ["0", "false"] };
    let dangling = terms.values("dangling");
    if dangling
        .iter()
        .any(|value| opposite.contains(&value.as_str()))
    {
        let values = dangling.iter().cloned().chain([(!all).to_string()]);
        return Err(FilterError::BadValue {
            key: "dangling".to_owned(),
            values: values.collect(),
        });
    }
    Ok(PruneFilter {
        all,
        until: terms.until(&Moment::present().zoned())?,
        labels: terms.labels("label"),
        not_labels: terms.labels("label!"),
    })
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted(report: &PruneReport) -> String {
    if report.events.is_empty() {
        return String::new();
    }
    let mut text = "Deleted Images:\n".to_owned();
    for event in &report.events {
        _ = match event {
            RemoveEvent::Untagged(name) => writeln!(text, "untagged: {}", name.familiar()),
            RemoveEvent::Deleted(digest) => writeln!(text, "deleted: {digest}"),
        };
    }
    text.push('\n');
    text
}

/// The last line of every prune.
pub(crate) fn reclaimed(bytes: u64) -> String {
    format!("Total reclaimed space: {}\n", human_size(bytes))
}
