//! What commands on several containers have in common: each is tried, what worked is printed, and what failed is said in the end.

use std::process::ExitCode;

use wharf_engine::EngineError;

use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

/// Does `work` with each container, and prints its name as it was typed where that worked.
pub(crate) fn for_each(
    session: &Session,
    containers: &[String],
    mut work: impl FnMut(&str) -> Result<(), EngineError>,
) -> anyhow::Result<ExitCode> {
    let mut failures = Vec::new();
    for container in containers {
        match work(container).found_by_daemon() {
            Ok(()) => session.printer().line(container)?,
            Err(failure) => failures.push(failure.to_string()),
        }
    }
    anyhow::ensure!(failures.is_empty(), failures.join("\n"));
    Ok(ExitCode::SUCCESS)
}
