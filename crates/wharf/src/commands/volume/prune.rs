//! `wharf volume prune`: volumes that no container uses go.

use std::process::ExitCode;

use wharf_engine::{Engine, Volume};

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::commands::image::prune::reclaimed;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::formatting::volumes::has_label;
use crate::prompt;
use crate::session::Session;

const ALL: Flag =
    Flag::switch("all", "Remove all unused volumes, not just anonymous ones").letter('a');
const FILTER: Flag = Flag::filter("filter", "Provide filter values (e.g. \"label=<label>\")");
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    synopsis: "[OPTIONS]",
    summary: "Remove unused local volumes",
    flags: &[ALL, FILTER, FORCE],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let mut terms = FilterTerms::for_prune(
        matches.list(&FILTER),
        &session.docker_config()?.prune_filters,
    );
    let all = matches.is_set(&ALL);
    anyhow::ensure!(
        !(all && terms.has("all")),
        "conflicting options: cannot specify both --all and --filter all=1"
    );
    if all {
        terms.add("all", "true");
    }
    let what = if all {
        "all local volumes"
    } else {
        "anonymous local volumes"
    };
    let question = format!(
        "WARNING! This will remove {what} not used by at least one container.\nAre you sure you want to continue?"
    );
    if !matches.is_set(&FORCE) && !prompt::confirm(session.printer(), &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let (removed, freed) = prune(session.engine(), &terms).found_by_daemon()?;
    session
        .printer()
        .out(&format!("{}{}", deleted(&removed), reclaimed(freed)))?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what the terms let through: names, and bytes.
pub(crate) fn prune(engine: &Engine, terms: &FilterTerms) -> anyhow::Result<(Vec<String>, u64)> {
    terms.accept_only(&["all", "label", "label!"])?;
    let all = terms.boolean("all")?.unwrap_or(false);
    let (with, without) = (terms.labels("label"), terms.labels("label!"));
    let wanted = |volume: &Volume| {
        (all || volume.anonymous)
            && with.iter().all(|label| has_label(volume, label))
            && !without.iter().any(|label| has_label(volume, label))
    };
    Ok(engine.prune_volumes(wanted)?)
}

/// The list of what is gone; empty if that is nothing.
pub(crate) fn deleted(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => format!("Deleted Volumes:\n{}\n\n", names.join("\n")),
    }
}
