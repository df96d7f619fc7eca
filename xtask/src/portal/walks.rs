//! The walks through the portal: the real registry, and Chromium.

use std::process::Command;

use anyhow::Result;

use super::workshop::{Opening, Workshop};
use crate::packages::find;
use crate::process::{cargo, run as run_command, say, show, target_folder};

/// Builds the binary and gives the command that runs the walks. Where they cannot run it says why, and gives none.
pub(crate) fn walks() -> Result<Option<Command>> {
    let skip = |reason: &str| {
        say(&format!("skipped: the walks through the portal: {reason}"));
        Ok(None)
    };
    let Some(chromium) = find("chromium") else {
        return skip("chromium is not installed (apt-get install chromium)");
    };
    let workshop = match Workshop::open()? {
        Opening::Ready(workshop) => workshop,
        Opening::Closed { reason } => return skip(&reason),
    };
    let mut build = cargo();
    build.args(["build", "--package", "wharf"]);
    say(&format!("\n$ {}", show(&build)));
    run_command(&mut build)?;
    let mut command = workshop.npm_command(&["test"]);
    command
        .env("WHARF", target_folder()?.join("debug/wharf"))
        .env("CHROMIUM", chromium)
        .env("PORTAL_PICTURES", workshop.folder().join("pictures"));
    Ok(Some(command))
}
