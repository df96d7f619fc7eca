//! `run --rm` of a program that ends at once: what a container costs.

use anyhow::Result;

use super::bench::Bench;
use crate::images::ImageName;
use crate::results::{CaseResults, Quantity};
use crate::tools::{Operation, Session, Tool, User};

/// What the tables call the two.
pub(crate) mod subjects {
    pub(crate) const NONE: &str = "network none";
    pub(crate) const HOST: &str = "network host";
}

/// Of each round.
const REPETITIONS: usize = 5;
const TOOLS: [Tool; 3] = [Tool::Wharf, Tool::Dockerd, Tool::Podman];

/// All tools are there at once and take turns, container by container.
pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    let reference = bench.registry.ensure(&bench.sandbox, ImageName::Small)?;
    let mut sessions: Vec<Session> = Vec::new();
    for tool in bench.chosen(&TOOLS) {
        let session = bench.session(tool)?;
        session.measure(Operation::Pull {
            reference: &reference,
        })?;
        sessions.push(session);
    }
    bench.rounds("run", &TOOLS, results, |tool, results| {
        let Some(session) = sessions.iter().find(|session| session.tool() == tool) else {
            return Ok(());
        };
        for (subject, network) in [(subjects::NONE, "none"), (subjects::HOST, "host")] {
            for _ in 0..REPETITIONS {
                let wall = session.time_last_step(Operation::Run {
                    reference: &reference,
                    network,
                })?;
                results.add(subject, tool, User::Root, Quantity::WallSeconds, wall);
            }
        }
        Ok(())
    });
    Ok(())
}
