//! How long the smallest command takes, and how large the program is.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::bench::Bench;
use crate::accounting::run as run_command;
use crate::results::{CaseResults, Quantity};
use crate::tools::{Tool, User};

const REPETITIONS: usize = 40;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    for tool in bench
        .tools
        .iter()
        .copied()
        .filter(|tool| *tool != Tool::Ruler)
    {
        let program = match tool {
            Tool::Wharf => bench
                .sandbox
                .built_program("wharf")
                .context("wharf has not been built")?,
            // The daemon's own start is another thing: its client is what people wait for.
            Tool::Dockerd => PathBuf::from("docker"),
            tool => PathBuf::from(tool.word()),
        };
        for _ in 0..REPETITIONS {
            let mut command = bench.sandbox.command(&program);
            command.arg("--version");
            let start = Instant::now();
            run_command(&mut command)?;
            let wall = start.elapsed().as_secs_f64();
            results.add("--version", tool, User::Root, Quantity::WallSeconds, wall);
        }
        if tool == Tool::Wharf {
            let size = u32::try_from(fs::metadata(&program)?.len())?;
            results.add(
                "release binary",
                tool,
                User::Root,
                Quantity::Bytes,
                size.into(),
            );
        }
    }
    Ok(())
}
