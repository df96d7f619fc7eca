//! Records what the docker CLI prints.

use std::path::Path;

use super::run::{Program, run_scenario};
use super::scenario::Scenario;
use crate::files::{read, write};
use crate::peers::Peer;
use crate::servers::DockerDaemon;

/// Runs `folder/scenario.txt` with the docker CLI against a new daemon and writes `folder/recorded.txt`.
///
/// `Ok(false)`, said aloud, where a peer is missing; an error names what is wrong with the scenario.
pub fn record_scenario(folder: &Path) -> Result<bool, String> {
    let text = String::from_utf8_lossy(&read(&folder.join("scenario.txt"))).into_owned();
    let scenario =
        Scenario::parse(&text).map_err(|error| format!("{}: {error}", folder.display()))?;
    let Some(docker) = Peer::Docker.installed() else {
        return Ok(false);
    };
    let Some(daemon) = DockerDaemon::start() else {
        return Ok(false);
    };
    let program = Program {
        path: docker.into(),
        daemon: Some((daemon.host(), daemon.data())),
    };
    let Some(transcript) = run_scenario(&scenario, &program) else {
        return Ok(false);
    };
    write(&folder.join("recorded.txt"), transcript.to_string());
    Ok(true)
}
