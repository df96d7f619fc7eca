//! Pull into an empty store, until the image is mounted and a program in it has run.

use anyhow::Result;

use super::bench::Bench;
use crate::images::ImageName;
use crate::results::CaseResults;
use crate::tools::{Operation, Tool, User};

pub(super) fn run(bench: &Bench, user: User, results: &mut CaseResults) -> Result<()> {
    for image in &bench.images {
        let reference = bench.registry.ensure(&bench.sandbox, *image)?;
        let tools: Vec<Tool> = bench
            .tools
            .iter()
            .copied()
            .filter(|tool| can_pull(*tool, *image, user))
            .collect();
        bench.rounds(
            &format!("pull {image}"),
            &tools,
            results,
            |tool, results| {
                let session = bench.session(tool, user)?;
                let operation = Operation::PullAndRun {
                    reference: &reference,
                };
                if let Some(usage) = session.measure(operation)? {
                    results.add_usage(image.word(), tool, user, usage);
                }
                Ok(())
            },
        );
    }
    Ok(())
}

fn can_pull(tool: Tool, image: ImageName, user: User) -> bool {
    let as_user = user == User::Root || matches!(tool, Tool::Ruler | Tool::Wharf);
    // Docker 20.10 knows no zstd.
    as_user && !(tool == Tool::Dockerd && image == ImageName::MediumZstd)
}
