//! `wharf registry rebuild`.

use std::process::ExitCode;

use wharf_registry::db::SchemaWish;
use wharf_registry::{Clock, DataFolder};

use super::options::{CONFIG, DATA, usable_config};
use super::parts::open_beside;
use crate::arguments::{Command, Matches, Run, Work};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "rebuild",
    synopsis: "[OPTIONS]",
    summary: "Make a lost database anew from storage",
    description: "Make a lost database anew from storage: projects, repositories, manifests, tags and blobs. Users, \
        members and robots are not in storage; they come from a backup, or are made again. The database that the \
        configuration names must be empty, and no registry may serve it yet.",
    flags: &[CONFIG, DATA],
    run: Run::Service(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(rebuild(session, matches))
}

async fn rebuild(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let config = usable_config(matches)?;
    // A registry that serves would look for what is not rebuilt yet, and its garbage collector would not find it.
    let _data_is_ours = DataFolder::take(&config.data)?;
    let registry = open_beside(&config, &Clock::system(), SchemaWish::Current).await?;
    let report = registry.rebuild().await?;
    let printer = session.printer();
    for problem in &report.problems {
        printer.error_line(problem);
    }
    printer.out(&format!(
        "Rebuilt {} projects, {} manifests, {} tags and {} blobs from storage\n",
        report.projects, report.manifests, report.tags, report.blobs
    ))?;
    if report.problems.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::bail!("{} records could not be taken over", report.problems.len())
}
