//! `wharf network prune`: networks that no container is in go.

use std::process::ExitCode;

use wharf_engine::{Engine, Network};

use crate::arguments::{Command, Flag, Matches, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::networks::has_label;
use crate::prompt;
use crate::session::Session;

const FILTER: Flag = Flag::filter(
    "filter",
    "Provide filter values (e.g. \"until=<timestamp>\")",
);
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');
const QUESTION: &str = "WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?";

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    synopsis: "[OPTIONS]",
    summary: "Remove all unused networks",
    flags: &[FILTER, FORCE],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let terms = FilterTerms::for_prune(
        matches.list(&FILTER),
        &session.docker_config()?.prune_filters,
    );
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), QUESTION)? {
        return Ok(ExitCode::SUCCESS);
    }
    terms
        .accept_only(&["label", "label!", "until"])
        .found_by_daemon()?;
    let removed = prune(session.engine(), &terms).found_by_daemon()?;
    session.printer().out(&deleted(&removed))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what the terms let through: names.
pub(crate) fn prune(engine: &Engine, terms: &FilterTerms) -> anyhow::Result<Vec<String>> {
    let until = terms.until(&jiff::Zoned::now())?;
    let (with, without) = (terms.labels("label"), terms.labels("label!"));
    let wanted = |network: &Network| {
        until.is_none_or(|until| network.created <= until)
            && with.iter().all(|label| has_label(network, label))
            && !without.iter().any(|label| has_label(network, label))
    };
    Ok(engine.prune_networks(wanted)?)
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("Deleted Networks:\n{}\n\n", names.join("\n")),
    }
}
