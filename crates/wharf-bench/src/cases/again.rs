//! Pull and push of what is there already: how long it takes, and how many requests the registry sees.

use anyhow::Result;

use super::bench::Bench;
use crate::images::ImageName;
use crate::proxy::Proxy;
use crate::registry::Registry;
use crate::results::{CaseResults, Quantity};
use crate::tools::{Operation, Session, Tool, User};
use crate::volume::Volume;

const REPETITIONS: usize = 10;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let image = ImageName::Medium;
    bench.registry.ensure(&bench.sandbox, image)?;
    let source = Proxy::start(bench.registry.address())?;
    let reference = format!("{}/bench/{image}:latest", source.address());
    let tools: Vec<Tool> = bench
        .tools
        .iter()
        .copied()
        .filter(|tool| *tool != Tool::Ruler)
        .collect();
    bench.rounds("pull and push again", &tools, results, |tool, results| {
        let session = bench.session(tool, User::Root)?;
        let pull = Operation::Pull {
            reference: &reference,
        };
        session.measure(pull)?;
        repeat(&session, pull, &source, "pull again", results)?;

        let storage = Volume::fresh(&bench.sandbox, bench.volume, "target")?;
        let registry = Registry::start(&bench.sandbox, storage.path(), "target-registry")?;
        let target_proxy = Proxy::start(registry.address())?;
        let target = format!("{}/pushed/medium:latest", target_proxy.address());
        let push = Operation::Push {
            reference: &reference,
            target: &target,
        };
        session.measure(push)?;
        repeat(&session, push, &target_proxy, "push again", results)
    });
    Ok(())
}

fn repeat(
    session: &Session,
    operation: Operation<'_>,
    proxy: &Proxy,
    subject: &str,
    results: &mut CaseResults,
) -> Result<()> {
    for _ in 0..REPETITIONS {
        proxy.take_requests();
        // The last step alone: naming the target of a push is no part of it.
        let wall = session.time_last_step(operation)?;
        let requests = u32::try_from(proxy.take_requests().len())?;
        let tool = session.tool();
        results.add(subject, tool, User::Root, Quantity::WallSeconds, wall);
        results.add(
            subject,
            tool,
            User::Root,
            Quantity::Requests,
            requests.into(),
        );
    }
    Ok(())
}
