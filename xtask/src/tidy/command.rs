//! Runs every check and says what is to be put right.

use anyhow::{Result, bail};

use super::architecture::Architecture;
use super::manifests::check_manifests;
use super::sources::check_sources;
use crate::process::{repository_root, say};

/// What `cargo xtask tidy` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct TidyArguments {}

/// Checks the whole repository against `xtask/architecture.toml` and the rules of CONTRIBUTING.md.
pub(crate) fn run(_arguments: &TidyArguments) -> Result<()> {
    let root = repository_root();
    let architecture = Architecture::read(&root.join("xtask/architecture.toml"))?;
    let mut complaints = check_manifests(&root, &architecture)?;
    let files = check_sources(&root, &architecture, &mut complaints)?;
    for complaint in &complaints {
        say(complaint);
    }
    if !complaints.is_empty() {
        bail!("tidy found {} to put right", complaints.len());
    }
    say(&format!("tidy: {files} files, nothing to put right"));
    Ok(())
}
