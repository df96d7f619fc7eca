//! `start`: the container's monitor is started, and asked to start it.

use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rustix::process::Pid;
use wharf_images::UserKind;
use wharf_runtime::cgroups::{Cgroup, Hierarchies};
use wharf_runtime::network::ContainerAddresses;
use wharf_runtime::network::UserNetworkTool;
use wharf_runtime::{
    Capability, CapabilitySet, ContainerFolder, HostError, MonitorClient, MonitorClientError,
    MonitorError, MonitorHost, MonitorOrder, NamespaceChoice, OwnProgram, run_monitor,
};
use wharf_transfer::ErrorKind;

use super::networks::{Connected, UserPlace};
use super::record::{Container, ContainerRecord};
use super::resources::resources;
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
        let own = OwnProgram::at(&program.path).map_err(classify)?;
        let spawned = Command::new(own.path())
            .args(&program.arguments)
            .envs(program.environment.iter().cloned())
            .arg("container-monitor")
            .arg(&record.id)
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(words_of_monitor(&folder).unwrap_or_else(|error| {
                tracing::warn!(%error, "what the container's monitor says is lost");
                Stdio::null()
            }))
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
        let mut host = Host {
            engine: self,
            record: &container.record,
            cgroup: None,
            network: None,
        };
        run_monitor(&folder, first, &mut host).map_err(classify)
    }

    /// Puts right what is recorded of containers whose monitors died, so that nothing waits for them.
    pub(crate) fn refresh_containers(&self) -> Result<(), EngineError> {
        for (_, user) in self.container_users()? {
            if !user.running {
                continue;
            }
            let state = self.container_state(&self.container_folder(&user.id))?;
            if !state.status.is_alive() {
                self.store()?
                    .set_user_running(UserKind::Container, &user.id, false)
                    .map_err(classify)?;
            }
        }
        Ok(())
    }
}

/// Where the monitor says what goes wrong when nobody is there to hear it: of its last life only.
fn words_of_monitor(folder: &ContainerFolder) -> std::io::Result<Stdio> {
    let path = folder.path().join("monitor.log");
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    Ok(Stdio::from(file))
}

/// What people should know of a container with a single id whose program is to run as somebody else.
fn one_id(engine: &Engine, order: &MonitorOrder) -> Result<Option<String>, EngineError> {
    let user = order.spec.process.user.as_str();
    let named = user.split(':').next().unwrap_or_default();
    if matches!(named, "" | "0" | "root") {
        return Ok(None);
    }
    let why = engine.why_single_id()?;
    Ok(why.map(|why| {
        format!(
            "the container has one id: its program runs as root inside, which is you outside, and not as {user} ({why})"
        )
    }))
}

/// How a container is connected.
enum Network {
    /// Root's: by a bridge.
    Bridge(Connected),
    /// An ordinary user's: by a program of theirs.
    User(UserPlace),
}

/// What the monitor of one container asks of the engine.
struct Host<'a> {
    engine: &'a Engine,
    record: &'a ContainerRecord,
    cgroup: Option<Cgroup>,
    network: Option<Network>,
}

impl MonitorHost for Host<'_> {
    fn begin(&mut self, order: &mut MonitorOrder) -> Result<Vec<String>, HostError> {
        let hierarchies = Hierarchies::find()?;
        // `update` may have changed them since the monitor began.
        if let Ok(container) = self.engine.read_container(&self.record.id) {
            order.resources = resources(&container.record.host_config)?;
        }
        let created = Cgroup::create(&hierarchies, &order.cgroup, &order.resources)?;
        if order.resources.devices.is_some() && !created.devices_limited {
            // Nothing else keeps root of the container from making a node of the machine's disk.
            let mknod = "MKNOD".parse::<Capability>()?;
            let mknod: CapabilitySet = std::iter::once(mknod).collect();
            let process = &mut order.spec.process;
            process.capabilities = process.capabilities.without(mknod);
        }
        self.cgroup = Some(created.cgroup);
        let mut warnings = created.warnings;
        warnings.extend(one_id(self.engine, order)?);
        let folder = self.engine.container_folder(&self.record.id);
        let endpoints = self.record.endpoints();
        let on_bridge = endpoints
            .keys()
            .any(|name| name != "host" && name != "none");
        if on_bridge && order.spec.namespaces.user.is_some() {
            match UserNetworkTool::find() {
                Ok(tool) => {
                    let place = UserPlace::new(tool, self.record, &folder)?;
                    self.network = Some(Network::User(place));
                }
                Err(why) => {
                    order.spec.namespaces.network = NamespaceChoice::Host;
                    let text =
                        format!("the container has the machine's network, and its ports: {why}");
                    warnings.push(text);
                }
            }
        } else if on_bridge {
            let (connected, more) = self.engine.allocate_network(self.record, &folder)?;
            self.network = Some(Network::Bridge(connected));
            warnings.extend(more);
        }
        Ok(warnings)
    }

    fn prepare(
        &mut self,
        _order: &MonitorOrder,
        process: Pid,
    ) -> Result<Option<Cgroup>, HostError> {
        if let Some(cgroup) = &self.cgroup {
            cgroup.add(process.as_raw_nonzero().get().unsigned_abs())?;
        }
        match &mut self.network {
            Some(Network::Bridge(connected)) => connected.connect(process)?,
            Some(Network::User(place)) => {
                let folder = self.engine.container_folder(&self.record.id);
                place.connect(self.record, process, &folder)?;
            }
            None => (),
        }
        Ok(self.cgroup.clone())
    }

    fn clean_up(&mut self, _order: &MonitorOrder) -> bool {
        let released = match self.network.take() {
            Some(Network::Bridge(connected)) => {
                self.engine.release_network(&self.record.id, connected)
            }
            Some(Network::User(place)) => place.end(),
            None => Ok(()),
        };
        if let Err(error) = released {
            tracing::warn!(%error, "what is left of the container's network cannot be removed");
        }
        let Some(mut cgroup) = self.cgroup.take() else {
            return false;
        };
        match Hierarchies::find() {
            Ok(hierarchies) => cgroup.adopt(&hierarchies),
            Err(error) => {
                tracing::warn!(%error, "what `update` made for the container is not found");
            }
        }
        let short_of_memory = cgroup.oom_kills().is_some_and(|count| count > 0);
        // Where the container has the machine's processes, its first one does not take the others with it.
        if cgroup.is_empty() {
            return false;
        }
        for outcome in [cgroup.kill_all(), cgroup.remove()] {
            if let Err(error) = outcome {
                tracing::warn!(%error, "what is left of the container's cgroup cannot be removed");
            }
        }
        short_of_memory
    }

    fn hold(&mut self, held: bool) -> Result<(), String> {
        let cgroup = self.cgroup.as_ref().ok_or("the container is not running")?;
        let done = if held { cgroup.freeze() } else { cgroup.thaw() };
        done.map_err(|error| error.to_string())
    }

    fn lead_ports(&mut self, addresses: ContainerAddresses) -> Result<(), String> {
        match &self.network {
            Some(Network::Bridge(connected)) => connected.lead_ports(addresses),
            _ => Ok(()),
        }
        .map_err(|error| error.to_string())
    }

    fn changed(&mut self, running: bool) {
        let changed = self
            .engine
            .store()
            .map_err(|error| error.to_string())
            .and_then(|store| {
                store
                    .set_user_running(UserKind::Container, &self.record.id, running)
                    .map_err(|error| error.to_string())
            });
        if let Err(error) = changed {
            tracing::warn!(error, "it cannot be recorded whether the container runs");
        }
    }

    fn ended(&mut self) {
        if self.record.host_config.auto_remove
            && let Err(error) = self.engine.remove_ended(self.record)
        {
            tracing::warn!(%error, "the container has ended and cannot be removed");
        }
    }
}
