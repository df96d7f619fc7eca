//! `wharf container prune`: containers that do not run go.

use std::process::ExitCode;

use wharf_engine::{Container, Engine};
use wharf_images::LabelFilter;

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::commands::image::prune::reclaimed;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::Moment;
use crate::prompt;
use crate::session::Session;

const FILTER: Flag = Flag::filter(
    "filter",
    "Provide filter values (e.g. \"until=<timestamp>\")",
);
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');

const QUESTION: &str =
    "WARNING! This will remove all stopped containers.\nAre you sure you want to continue?";

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    synopsis: "[OPTIONS]",
    summary: "Remove all stopped containers",
    flags: &[FILTER, FORCE],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), QUESTION)? {
        return Ok(ExitCode::SUCCESS);
    }
    let terms = FilterTerms::for_prune(
        matches.list(&FILTER),
        &session.docker_config()?.prune_filters,
    );
    let (removed, freed) = prune(session.engine(), &terms).found_by_daemon()?;
    session
        .printer()
        .out(&format!("{}{}", deleted(&removed), reclaimed(freed)))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what the terms let through: IDs, and bytes.
pub(crate) fn prune(engine: &Engine, terms: &FilterTerms) -> anyhow::Result<(Vec<String>, u64)> {
    terms.accept_only(&["label", "label!", "until"])?;
    let until = terms.until(&Moment::present().zoned())?;
    let (with, without) = (terms.labels("label"), terms.labels("label!"));
    let wanted = |container: &Container| {
        until.is_none_or(|until| container.record.created <= until)
            && with.iter().all(|label| has_label(container, label))
            && !without.iter().any(|label| has_label(container, label))
    };
    Ok(engine.prune_containers(wanted)?)
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted(ids: &[String]) -> String {
    match ids {
        [] => String::new(),
        ids => format!("Deleted Containers:\n{}\n\n", ids.join("\n")),
    }
}

fn has_label(container: &Container, label: &LabelFilter) -> bool {
    let labels = &container.record.config.labels;
    labels
        .get(&label.key)
        .is_some_and(|value| label.value.as_ref().is_none_or(|wanted| wanted == value))
}
