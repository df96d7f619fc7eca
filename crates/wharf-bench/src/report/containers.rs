//! The part of docs/performance.md about containers and builds.

use std::path::Path;

use anyhow::Result;

use super::page::{machine, replace_part};
use super::table::case_table;
use super::targets::{Target, promises};
use crate::containers::{Case, build_subjects, run_subjects};
use crate::results::{Quantity, Results};
use crate::tools::{Tool, User};
use crate::volume::VolumeKind;

const BEGIN: &str = "<!-- figures of containers: written by `cargo xtask bench containers` -->";
const END: &str = "<!-- end of the figures of containers -->";

/// Replaces what stands between the marks of containers of `page` by the tables of `results`.
pub(crate) fn write_container_page(
    page: &Path,
    results: &Results,
    installed: &[(Tool, String)],
    volume: VolumeKind,
) -> Result<()> {
    let mut text = machine(installed, volume);
    text.push_str("\n### The promises of containers and builds\n\n");
    text.push_str(&container_targets(results));
    for case in Case::ALL {
        if let Some(measured) = results.cases.get(case.word()) {
            text.push('\n');
            text.push_str(&case_table(case.title(), case.shape(), measured));
        }
    }
    replace_part(page, (BEGIN, END), &text)
}

/// The table of what was promised of containers and builds.
pub(crate) fn container_targets(results: &Results) -> String {
    let mut targets = Vec::new();
    let figure = |case: Case, subject: &str, tool, quantity| {
        let case = results.cases.get(case.word())?;
        Some(case.summary(subject, tool, User::Root, quantity)?.median)
    };
    let wall = Quantity::WallSeconds;
    let mut add = |promise: String, limit: f64, found: Option<f64>| {
        targets.push(Target {
            promise,
            limit,
            found,
        });
    };
    let relative = |case, subject: &str, peer, quantity| {
        let own: f64 = figure(case, subject, Tool::Wharf, quantity)?;
        Some(own / figure(case, subject, peer, quantity)?)
    };
    for subject in [run_subjects::NONE, run_subjects::HOST] {
        for (peer, limit) in [(Tool::Dockerd, 1.0 / 8.0), (Tool::Podman, 1.0 / 5.0)] {
            let promise = format!("`run --rm`, {subject}, wall, relative to {peer}");
            add(promise, limit, relative(Case::Run, subject, peer, wall));
        }
    }
    let milliseconds = |case, subject| Some(1e3 * figure(case, subject, Tool::Wharf, wall)?);
    let step = build_subjects::STEP;
    add(format!("{step}, ms"), 10.0, milliseconds(Case::Steps, step));
    add(
        format!("{step}, wall, relative to {}", Tool::Buildkit),
        1.0 / 8.0,
        relative(Case::Steps, step, Tool::Buildkit, wall),
    );
    let steps = build_subjects::CACHED_STEPS;
    add(
        format!("{steps}, ms"),
        15.0,
        milliseconds(Case::Steps, steps),
    );
    for (subject, peer, limit) in [
        (build_subjects::COLD, Tool::Buildkit, 1.0 / 4.0),
        (build_subjects::COLD, Tool::Buildah, 1.0 / 10.0),
        (build_subjects::CHANGED, Tool::Buildkit, 1.0 / 5.0),
        (build_subjects::FIRST_CHANGED, Tool::Buildkit, 1.0 / 5.0),
    ] {
        for (quantity, name) in [(wall, "wall"), (Quantity::CpuSeconds, "CPU")] {
            let promise = format!("COPY of 20,000 files, {subject}, {name}, relative to {peer}");
            add(
                promise,
                limit,
                relative(Case::Files, subject, peer, quantity),
            );
        }
    }
    let cached = build_subjects::CACHED;
    add(
        format!("COPY of 20,000 files, {cached}, CPU s"),
        0.15,
        figure(Case::Files, cached, Tool::Wharf, Quantity::CpuSeconds),
    );
    let stage = |subject| figure(Case::Stages, subject, Tool::Wharf, wall);
    add(
        "two stages, wall, relative to one after the other".to_owned(),
        0.6,
        stage(build_subjects::BOTH_STAGES)
            .zip(stage(build_subjects::EACH_STAGE))
            .map(|(both, each)| both / each),
    );
    let peak = figure(
        Case::LargeFile,
        build_subjects::LARGE_FILE,
        Tool::Wharf,
        Quantity::PeakBytes,
    );
    add(
        "memory of a layer of 2 GB, MiB".to_owned(),
        64.0,
        peak.map(|bytes| bytes / f64::from(1 << 20)),
    );
    promises(&targets)
}
