//! `start`: the container's monitor is started, and asked to start it.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::Pid;
use wharf_images::UserKind;
use wharf_runtime::{
    MonitorClient, MonitorClientError, MonitorError, MonitorHost, MonitorOrder, run_monitor,
};
use wharf_transfer::ErrorKind;

use super::record::Container;
use crate::engine::Engine;
use crate::error::{Classified, EngineError, classify, failure};

impl Classified for MonitorClientError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Failed { .. } => ErrorKind::Invalid,
            Self::Refused(_) => ErrorKind::Conflict,
            Self::Gone(_) => ErrorKind::Internal,
        }
    }
}

impl Classified for MonitorError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Running => ErrorKind::Conflict,
            Self::Folder(error) => error.kind(),
            Self::Io { source, .. } => Classified::kind(source),
        }
    }
}

impl Engine {
    /// Starts the monitor of a container that does not run. The container itself is started by [`MonitorClient::start`], or by
    /// attaching to it so.
    pub fn start_monitor(&self, container: &Container) -> Result<MonitorClient, EngineError> {
        let record = &container.record;
        let folder = self.container_folder(&record.id);
        let order = self.monitor_order(record, &folder)?;
        folder.write_order(&order).map_err(classify)?;
        let (ours, theirs) = UnixStream::pair().map_err(classify)?;
        let program = &self.settings().monitor;
        let spawned = Command::new(&program.path)
            .args(&program.arguments)
            .arg(&record.id)
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let _ends_by_itself = spawned.map_err(|error| {
            let text = format!("cannot start the container's monitor: {error}");
            failure(ErrorKind::Internal, text)
        })?;
        Ok(MonitorClient::from_stream(ours))
    }

    /// A connection to the monitor of a container that runs.
    pub fn monitor(&self, container: &Container) -> Result<Option<MonitorClient>, EngineError> {
        let folder = self.container_folder(&container.record.id);
        MonitorClient::connect(&folder).map_err(classify)
    }

    /// Watches a container until it has ended: what a monitor does. `first` is whoever started it.
    pub fn run_container_monitor(&self, id: &str, first: UnixStream) -> Result<(), EngineError> {
        let container = self.read_container(id)?;
        let folder = self.container_folder(id);
        let mut host = Host { engine: self, id };
        run_monitor(&folder, first, &mut host).map_err(classify)?;
        let record = &container.record;
        if record.host_config.auto_remove {
            self.remove_ended(record)?;
        }
        Ok(())
    }

    /// Puts right what is recorded of containers whose monitors died, so that nothing waits for them.
    pub(crate) fn refresh_containers(&self) -> Result<(), EngineError> {
        for (_, user) in self.container_users()? {
            if !user.running {
                continue;
            }
            let state = self.container_folder(&user.id).state().map_err(classify)?;
            if !state.status.is_alive() {
                self.store()?
                    .set_user_running(UserKind::Container, &user.id, false)
                    .map_err(classify)?;
            }
        }
        Ok(())
    }
}

/// What the monitor of one container asks of the engine.
struct Host<'a> {
    engine: &'a Engine,
    id: &'a str,
}

impl MonitorHost for Host<'_> {
    fn prepare(
        &mut self,
        _order: &MonitorOrder,
        _process: Pid,
    ) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }

    fn clean_up(&mut self, _order: &MonitorOrder) -> bool {
        false
    }

    fn hold(&mut self, _held: bool) -> Result<(), String> {
        Err("this machine has no cgroups that could hold processes".to_owned())
    }

    fn changed(&mut self, running: bool) {
        let changed = self
            .engine
            .store()
            .map_err(|error| error.to_string())
            .and_then(|store| {
                store
                    .set_user_running(UserKind::Container, self.id, running)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = changed {
            tracing::warn!(error, "it cannot be recorded whether the container runs");
        }
    }
}
