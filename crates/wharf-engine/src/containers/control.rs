//! `stop`, `kill`, `pause`, `unpause`, `wait`, `rename`: what is asked of a container's monitor, and of its record.

use wharf_images::UserKind;
use wharf_runtime::{MonitorClient, Status, parse_signal};
use wharf_transfer::ErrorKind;

use super::create::name_conflict;
use super::names::is_name;
use super::record::{Container, RECORD_FILE};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

impl Engine {
    /// Asks a container to end, and kills it if it does not in time. One that does not run is left alone.
    pub fn stop_container(
        &self,
        text: &str,
        signal: Option<&str>,
        timeout_seconds: Option<i64>,
    ) -> Result<(), EngineError> {
        let signal = signal.map(parse_signal).transpose();
        let signal = signal.map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?;
        let container = self.container(text)?;
        let Some(mut monitor) = self.monitor(&container)? else {
            return Ok(());
        };
        match monitor.stop(signal, timeout_seconds) {
            // Its monitor ended while we asked.
            Err(wharf_runtime::MonitorClientError::Gone(_)) => (),
            outcome => outcome.map_err(classify)?,
        }
        self.container_folder(&container.record.id)
            .wait_for_end()
            .map_err(classify)
    }

    /// Sends a signal to a container that runs.
    pub fn kill_container(&self, text: &str, signal: &str) -> Result<(), EngineError> {
        let signal =
            parse_signal(signal).map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?;
        let (container, monitor) = self.running(text)?;
        let Some(mut monitor) = monitor else {
            let text = format!(
                "cannot kill container: {text}: container {} is not running",
                container.record.id
            );
            return Err(failure(ErrorKind::Conflict, text));
        };
        monitor.signal(signal).map_err(classify)
    }

    /// Holds a container's processes, or lets them go on.
    pub fn hold_container(&self, text: &str, held: bool) -> Result<(), EngineError> {
        let (container, monitor) = self.running(text)?;
        let id = &container.record.id;
        let refused = |why: String| Err(failure(ErrorKind::Conflict, why));
        let Some(mut monitor) = monitor else {
            return refused(if held {
                format!("container {id} is not running")
            } else {
                format!("Container {id} is not paused")
            });
        };
        match (held, container.state.status) {
            (true, Status::Paused) => refused(format!("container {id} is already paused")),
            (false, Status::Running) => refused(format!("Container {id} is not paused")),
            (true, _) => monitor.pause().map_err(classify),
            (false, _) => monitor.unpause().map_err(classify),
        }
    }

    /// Waits until a container has ended: its exit code.
    pub fn wait_for_container(&self, text: &str) -> Result<i32, EngineError> {
        let (container, monitor) = self.running(text)?;
        if let Some(mut monitor) = monitor {
            match monitor.wait() {
                Err(wharf_runtime::MonitorClientError::Gone(_)) => (),
                code => return code.map_err(classify),
            }
        }
        // Its monitor has ended while we asked; it may even have removed it.
        let folder = self.container_folder(&container.record.id);
        folder.wait_for_end().map_err(classify)?;
        Ok(folder.state().map_err(classify)?.exit_code)
    }

    /// Gives a container another name.
    pub fn rename_container(&self, text: &str, name: &str) -> Result<(), EngineError> {
        let (_lock, container) = self.locked_container(text)?;
        let mut record = container.record;
        let name = name.strip_prefix('/').unwrap_or(name);
        if !is_name(name) {
            let text = format!(
                "Error when allocating new name: Invalid container name (/{name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            );
            return Err(failure(ErrorKind::Invalid, text));
        }
        if record.name == name {
            let text = "Renaming a container with the same name as its current name";
            return Err(failure(ErrorKind::Invalid, text));
        }
        self.store()?
            .rename_user(UserKind::Container, &record.id, name)
            .map_err(|error| {
                let conflict = name_conflict(error);
                let text = format!("Error when allocating new name: {conflict}");
                failure(conflict.kind(), text)
            })?;
        let old = std::mem::replace(&mut record.name, name.to_owned());
        self.container_folder(&record.id)
            .write(RECORD_FILE, &record)
            .map_err(classify)?;
        self.rename_in_networks(&record, &old)
    }

    /// The container, and its monitor if it has one.
    fn running(&self, text: &str) -> Result<(Container, Option<MonitorClient>), EngineError> {
        let container = self.container(text)?;
        let monitor = self.monitor(&container)?;
        Ok((container, monitor))
    }
}
