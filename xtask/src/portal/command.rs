//! What `cargo xtask portal` understands, and the order of each of its jobs.

use std::fs;

use anyhow::{Context as _, Result, bail};

use super::compare::differences;
use super::listing;
use super::walks::walks;
use super::workshop::{Opening, Workshop};
use crate::packages::{PORTAL, provide};
use crate::process::{repository_root, run as run_command, say};

/// What `cargo xtask portal` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct PortalArguments {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, clap::Subcommand)]
enum Job {
    /// Build `ui/dist` and list its files for the registry
    Build,
    /// Check format and types, build in a folder apart, and compare with what is committed
    Check,
    /// Start the registry and walk through the portal with Chromium
    Test,
}

/// Runs one job. A machine without a fitting Node is told so, and `check` and `test` then succeed.
pub(crate) fn run(arguments: &PortalArguments) -> Result<()> {
    provide(&[], PORTAL, true)?;
    match arguments.job {
        Job::Build => build(),
        Job::Check => check(),
        Job::Test => {
            let Some(mut walks) = walks()? else {
                return Ok(());
            };
            run_command(&mut walks)
        }
    }
}

fn build() -> Result<()> {
    let workshop = match Workshop::open()? {
        Opening::Ready(workshop) => workshop,
        Opening::Closed { reason } => bail!("the portal cannot be built here: {reason}"),
    };
    workshop.npm(&["run", "build"])?;
    let dist = repository_root().join("ui/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist).with_context(|| format!("removing {}", dist.display()))?;
    }
    workshop.copy_dist_to(&dist)?;
    listing::write(&repository_root())?;
    say("portal: built ui/dist");
    Ok(())
}

/// Fails when the sources are not as they should be, or when what is committed was not built from them.
pub(crate) fn check() -> Result<()> {
    let workshop = match Workshop::open()? {
        Opening::Ready(workshop) => workshop,
        Opening::Closed { reason } => {
            say(&format!(
                "skipped: the portal is not built again and compared: {reason}"
            ));
            return Ok(());
        }
    };
    workshop.npm(&["run", "check"])?;
    workshop.npm(&["run", "build"])?;
    let root = repository_root();
    let mut complaints = differences(&root.join("ui/dist"), &workshop.dist())?;
    complaints.extend(listing::complaint(&root)?);
    for complaint in &complaints {
        say(complaint);
    }
    if !complaints.is_empty() {
        bail!("ui/dist is not what ui/src makes: run `cargo xtask portal build` and commit it");
    }
    say("portal: ui/dist is what ui/src makes");
    Ok(())
}
