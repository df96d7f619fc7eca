//! `cargo xtask test`: every test and every check, with one line at the end that says what ran.

use anyhow::Result;

use crate::process::{cargo, run as run_command};

/// What `cargo xtask test` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {}

/// Runs every test of the workspace, then the checks of format, lints and architecture.
pub(crate) fn run(_arguments: &TestArguments) -> Result<()> {
    run_command(cargo().args(["test", "--workspace"]))?;
    run_command(cargo().args(["fmt", "--all", "--check"]))?;
    run_command(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}
