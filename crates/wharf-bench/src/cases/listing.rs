//! `images` in a store with one image and with a thousand.

use anyhow::Result;

use super::bench::Bench;
use crate::images::{TINY_IMAGES, ensure_tiny_archive};
use crate::results::{CaseResults, Quantity};
use crate::tools::{ArchiveFormat, Operation, Tool, User};

const REPETITIONS: usize = 20;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    for count in [1, TINY_IMAGES] {
        let archive = ensure_tiny_archive(&bench.sandbox.cache, count)?;
        let subject = format!("{count} images");
        for tool in bench
            .tools
            .iter()
            .copied()
            .filter(|tool| lists(*tool, count))
        {
            let outcome = list(bench, tool, &archive, &subject, results);
            if let Err(error) = outcome {
                results
                    .failures
                    .push(format!("{subject}: {tool}: {error:#}"));
            }
        }
    }
    Ok(())
}

/// Podman takes minutes to list a thousand images, and many more to load them.
fn lists(tool: Tool, count: usize) -> bool {
    match tool {
        Tool::Wharf | Tool::Dockerd => true,
        Tool::Podman => count == 1,
        Tool::Ruler | Tool::Skopeo | Tool::Buildah | Tool::Buildkit => false,
    }
}

fn list(
    bench: &Bench,
    tool: Tool,
    archive: &std::path::Path,
    subject: &str,
    results: &mut CaseResults,
) -> Result<()> {
    crate::terminal::say(&format!("listing {subject}: {tool}"));
    let session = bench.session(tool, User::Root)?;
    session.measure(Operation::Load {
        file: archive,
        format: ArchiveFormat::Docker,
    })?;
    for _ in 0..REPETITIONS {
        let wall = session.time_last_step(Operation::List)?;
        results.add(subject, tool, User::Root, Quantity::WallSeconds, wall);
    }
    Ok(())
}
