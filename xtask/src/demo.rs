//! `cargo xtask demo`: the main job, run on this machine with real tools on both ends.

use anyhow::Result;

use crate::process::{cargo, run as run_command, say, show};

/// What `cargo xtask demo` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArguments {}

/// Builds the release binary.
pub(crate) fn run(_arguments: &DemoArguments) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "wharf"]);
    say(&format!("$ {}", show(&build)));
    run_command(&mut build)
}
