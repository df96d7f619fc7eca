//! Builds: what steps cost, what files cost, whether stages wait for each other, how much memory a large file takes.

use anyhow::{Context as _, Result};

use super::bench::Bench;
use super::projects::Project;
use crate::accounting::Usage;
use crate::images::ImageName;
use crate::memory::bring_into_memory;
use crate::results::{CaseResults, Quantity};
use crate::tools::{BuildOrder, Operation, Session, Tool, User};

/// What the tables call what was built.
pub(crate) mod subjects {
    pub(crate) const STEP: &str = "a RUN step";
    pub(crate) const CACHED_STEPS: &str = "ten cached steps";
    pub(crate) const COLD: &str = "cold";
    pub(crate) const CACHED: &str = "cached";
    pub(crate) const CHANGED: &str = "one file changed";
    pub(crate) const FIRST_CHANGED: &str = "the first file changed";
    pub(crate) const BOTH_STAGES: &str = "both stages";
    pub(crate) const EACH_STAGE: &str = "one after the other";
    pub(crate) const LARGE_FILE: &str = "cold";
}

const BUILDERS: [Tool; 4] = [Tool::Wharf, Tool::Dockerd, Tool::Buildah, Tool::Buildkit];
const STEPS: usize = 10;
/// A second or two of a shell that counts.
const COUNTED: usize = 1_500_000;

/// A step's cost is the tenth part of what ten more of them cost.
pub(super) fn steps(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let base = bench.registry.ensure(&bench.sandbox, ImageName::Small)?;
    let cache = &bench.sandbox.cache;
    let few = Project::of_steps(cache, &base, 1)?;
    let many = Project::of_steps(cache, &base, 1 + STEPS)?;
    let ten = Project::of_steps(cache, &base, STEPS)?;
    bench.rounds("steps", &BUILDERS, results, |tool, results| {
        let session = bench.session(tool)?;
        // The base image comes with the first build, and the programs are in memory.
        build(&session, &few, None, false)?;
        let short = time(&session, &few, false)?;
        let long = time(&session, &many, false)?;
        let step = (long - short) / 10.0;
        results.add(
            subjects::STEP,
            tool,
            User::Root,
            Quantity::WallSeconds,
            step,
        );
        build(&session, &ten, None, true)?;
        for _ in 0..3 {
            let wall = time(&session, &ten, true)?;
            let subject = subjects::CACHED_STEPS;
            results.add(subject, tool, User::Root, Quantity::WallSeconds, wall);
        }
        Ok(())
    });
    Ok(())
}

/// Each round begins with an empty store.
pub(super) fn files(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let project = Project::of_files(&bench.sandbox.cache)?;
    let mut changes = 0_u32;
    bench.rounds("files", &BUILDERS, results, |tool, results| {
        let session = bench.session(tool)?;
        let cold = build(&session, &project, None, true)?;
        results.add_usage(subjects::COLD, tool, User::Root, cold);
        let cached = build(&session, &project, None, true)?;
        results.add_usage(subjects::CACHED, tool, User::Root, cached);
        // Names are sorted: five sixths of them come before the one, none before the other.
        for (subject, file) in [
            (subjects::CHANGED, "folder-7/file-777"),
            (subjects::FIRST_CHANGED, "folder-0/file-0"),
        ] {
            changes += 1;
            let content = format!("change {changes} of process {}", std::process::id());
            project.write(file, content.as_bytes())?;
            let changed = build(&session, &project, None, true)?;
            results.add_usage(subject, tool, User::Root, changed);
        }
        Ok(())
    });
    Ok(())
}

/// Both at once, and one after the other, which nobody can do faster than the sum.
pub(super) fn stages(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let base = bench.registry.ensure(&bench.sandbox, ImageName::Small)?;
    let project = Project::of_stages(&bench.sandbox.cache, &base, COUNTED)?;
    bench.rounds("stages", &BUILDERS, results, |tool, results| {
        let session = bench.session(tool)?;
        let one = build(&session, &project, Some("one"), false)?;
        let two = build(&session, &project, Some("two"), false)?;
        let both = build(&session, &project, None, false)?;
        let mut add = |subject: &str, wall: f64| {
            results.add(subject, tool, User::Root, Quantity::WallSeconds, wall);
        };
        add(subjects::EACH_STAGE, one.wall_seconds + two.wall_seconds);
        add(subjects::BOTH_STAGES, both.wall_seconds);
        Ok(())
    });
    Ok(())
}

pub(super) fn large_file(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let project = Project::of_large_file(&bench.sandbox.cache)?;
    bench.rounds("large file", &BUILDERS, results, |tool, results| {
        let session = bench.session(tool)?;
        let usage = build(&session, &project, None, true)?;
        results.add_usage(subjects::LARGE_FILE, tool, User::Root, usage);
        Ok(())
    });
    Ok(())
}

fn build(
    session: &Session,
    project: &Project,
    target: Option<&str>,
    cached: bool,
) -> Result<Usage> {
    bring_into_memory(&project.folder)?;
    let order = BuildOrder {
        context: &project.folder,
        target,
        cached,
    };
    let usage = session.measure(Operation::Build(order))?;
    usage.context("it cannot build")
}

/// Wall seconds, without accounting around it: of builds of a few milliseconds.
fn time(session: &Session, project: &Project, cached: bool) -> Result<f64> {
    let order = BuildOrder {
        context: &project.folder,
        target: None,
        cached,
    };
    session.time_last_step(Operation::Build(order))
}
