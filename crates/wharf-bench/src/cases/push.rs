//! Push of an image that was pulled before, to a registry that has nothing of it.

use anyhow::Result;

use super::bench::Bench;
use crate::images::ImageName;
use crate::registry::Registry;
use crate::results::CaseResults;
use crate::tools::{Operation, Tool, User};
use crate::volume::Volume;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let image = ImageName::Medium;
    let reference = bench.registry.ensure(&bench.sandbox, image)?;
    let tools: Vec<Tool> = bench
        .tools
        .iter()
        .copied()
        .filter(|tool| *tool != Tool::Ruler)
        .collect();
    bench.rounds("push medium", &tools, results, |tool, results| {
        let session = bench.session(tool, User::Root)?;
        session.measure(Operation::Pull {
            reference: &reference,
        })?;
        // A registry of its own: in one that holds the blobs elsewhere, a push would only have to name them.
        let storage = Volume::fresh(&bench.sandbox, bench.volume, "target")?;
        let registry = Registry::start(&bench.sandbox, storage.path(), "target-registry")?;
        let target = format!("{}/pushed/medium:latest", registry.address());
        let usage = session.measure(Operation::Push {
            reference: &reference,
            target: &target,
        })?;
        if let Some(usage) = usage {
            results.add_usage(image.word(), tool, User::Root, usage);
        }
        Ok(())
    });
    Ok(())
}
