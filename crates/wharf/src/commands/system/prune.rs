//! `wharf system prune`: removes everything that nothing needs.

use std::process::ExitCode;

use jiff::SignedDuration;
use wharf_engine::CacheMountFilter;
use wharf_images::{BuildPruneFilter, Unfinished};

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::commands::builder::prune::deleted_entries;
use crate::commands::container::prune as containers;
use crate::commands::image::prune::{deleted, filter, reclaimed};
use crate::commands::network::prune as unused_networks;
use crate::commands::volume::prune as unused_volumes;
use crate::daemon_words::FoundByDaemon as _;
use crate::filters::FilterTerms;
use crate::prompt;
use crate::session::Session;

const ALL: Flag =
    Flag::switch("all", "Remove all unused images not just dangling ones").letter('a');
const FILTER: Flag = Flag::filter(
    "filter",
    "Provide filter values (e.g. \"label=<key>=<value>\")",
);
const FORCE: Flag = Flag::switch("force", "Do not prompt for confirmation").letter('f');
const VOLUMES: Flag = Flag::switch("volumes", "Prune anonymous volumes");

pub(crate) const COMMAND: Command = Command {
    name: "prune",
    synopsis: "[OPTIONS]",
    summary: "Remove unused data",
    flags: &[ALL, FILTER, FORCE, VOLUMES],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

/// A download that nobody has gone on with for so long will not be resumed.
const ABANDONED: SignedDuration = SignedDuration::from_hours(24);

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let all = matches.is_set(&ALL);
    let volumes = matches.is_set(&VOLUMES);
    let terms = FilterTerms::for_prune(
        matches.list(&FILTER),
        &session.docker_config()?.prune_filters,
    );
    anyhow::ensure!(
        !(volumes && terms.has("until")),
        "ERROR: The \"until\" filter is not supported with \"--volumes\""
    );
    if !matches.is_set(&FORCE)
        && !prompt::confirm(session.printer(), &question(all, volumes, &terms))?
    {
        return Ok(ExitCode::SUCCESS);
    }
    let filter = filter(&terms, all).found_by_daemon()?;
    let engine = session.engine();
    let (stopped, mut freed) = containers::prune(engine, &terms).found_by_daemon()?;
    let networks = unused_networks::prune(engine, &terms).found_by_daemon()?;
    let mut unused = Vec::new();
    if volumes {
        let (names, bytes) = unused_volumes::prune(engine, &terms).found_by_daemon()?;
        unused = names;
        freed += bytes;
    }
    let report = engine.prune_images(&filter).found_by_daemon()?;
    let builds = engine
        .prune_builds(&BuildPruneFilter {
            all,
            unused_since: filter.until,
            ..BuildPruneFilter::default()
        })
        .found_by_daemon()?;
    let caches = engine
        .prune_cache_mounts(&CacheMountFilter {
            unused_since: filter.until,
            ..CacheMountFilter::default()
        })
        .found_by_daemon()?;
    // What dead processes left behind is nobody's: it goes without being told.
    let garbage = engine
        .collect_garbage(Unfinished::DeleteOlderThan(ABANDONED))
        .found_by_daemon()?;
    tracing::info!(?garbage, "collected garbage");
    session.printer().out(&format!(
        "{}{}{}{}{}{}",
        containers::deleted(&stopped),
        unused_networks::deleted(&networks),
        unused_volumes::deleted(&unused),
        deleted(&report),
        deleted_entries(&builds, &caches),
        reclaimed(freed + report.reclaimed_bytes + builds.reclaimed_bytes + caches.reclaimed_bytes)
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// What will go, in Docker's words.
fn question(all: bool, volumes: bool, terms: &FilterTerms) -> String {
    let mut lines = vec![
        "all stopped containers",
        "all networks not used by at least one container",
    ];
    if volumes {
        lines.push("all anonymous volumes not used by at least one container");
    }
    lines.extend(if all {
        [
            "all images without at least one container associated to them",
            "all build cache",
        ]
    } else {
        ["all dangling images", "unused build cache"]
    });
    let mut question = "WARNING! This will remove:\n".to_owned();
    for line in lines {
        question = format!("{question}  - {line}\n");
    }
    let mut filters = terms.iter().peekable();
    if filters.peek().is_some() {
        question.push_str("\n  Items to be pruned will be filtered with:\n");
        for (key, value) in filters {
            question = format!("{question}  - {key}={value}\n");
        }
    }
    question.push_str("\nAre you sure you want to continue?");
    question
}
