//! `cargo xtask bench`: what to measure, and in which order.

use anyhow::{Result, bail};

/// What `cargo xtask bench` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArguments {}

/// Runs the benchmarks.
pub(crate) fn run(_arguments: &BenchArguments) -> Result<()> {
    bail!("there is nothing to measure yet")
}
