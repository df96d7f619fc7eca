//! Networks of steps: one is made when a step wants it, and given to one step after the other until the build ends.
//!
//! A step cannot change its network, since it has no capability to: what the next one sees is as new. Only what runs without
//! restrictions (`--security=insecure`) has one that nobody gets after it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use wharf_build::builder::{BuildEvent, BuildEvents};
use wharf_build::dockerfile::Network;
use wharf_runtime::HostError;
use wharf_runtime::network::{NameError, UserNetworkTool};

use super::step_folder::StepFolder;
use crate::containers::{HostConfig, SharedNetwork, StepConnection, StepNetwork, resolver_text};
use crate::engine::Engine;

/// The network of steps that do not say which they want, where nobody says it for them.
const USUAL: &str = "bridge";

/// The networks of one build's steps.
#[derive(Debug)]
pub(super) struct StepNetworks {
    engine: Engine,
    /// The network that steps are connected to.
    name: String,
    events: Arc<BuildEvents>,
    free: Mutex<Vec<Connected>>,
    /// What an ordinary user has.
    of_user: OnceLock<Option<UserNetworkTool>>,
}

/// One that is connected, and the folder whose lock says that it is used.
#[derive(Debug)]
struct Connected {
    network: StepNetwork,
    folder: StepFolder,
}

/// Networks that are taken back; waits for it when it is dropped.
#[derive(Debug)]
pub(super) struct Releasing(Option<JoinHandle<()>>);

impl Drop for Releasing {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            let _panicked = thread.join();
        }
    }
}

/// What one step has, until this is dropped.
#[derive(Debug)]
pub(super) struct StepPlace<'a> {
    pool: &'a StepNetworks,
    pub(super) connection: StepConnection,
    connected: Option<Connected>,
    /// A container's.
    shared: Option<SharedNetwork>,
    /// Whether another step may have it.
    again: bool,
}

impl StepNetworks {
    /// None yet. `name` is the network that they shall be in, if not the usual one.
    pub(super) fn new(engine: Engine, name: Option<String>, events: Arc<BuildEvents>) -> Self {
        Self {
            engine,
            name: name.unwrap_or_else(|| USUAL.to_owned()),
            events,
            free: Mutex::default(),
            of_user: OnceLock::new(),
        }
    }

    /// Whether a step that wants this has to wait until something is connected.
    pub(super) fn connects_for(&self, wanted: Network) -> bool {
        wanted == Network::Default
            && self.engine.settings().caller.is_none()
            && self.container().is_none()
            && self.lock().is_empty()
    }

    /// A network as the step wants it.
    ///
    /// # Errors
    /// If it cannot be connected.
    pub(super) fn take(&self, wanted: Network, insecure: bool) -> Result<StepPlace<'_>, String> {
        let mut shared = None;
        let connection = match wanted {
            Network::Host => StepConnection::Machine,
            Network::None => StepConnection::Nothing,
            Network::Default if self.engine.settings().caller.is_some() => self.of_user(),
            Network::Default if self.container().is_some() => {
                let container = self.container().unwrap_or_default();
                let network = self.engine.network_of_container(container);
                let network = network.map_err(|error| error.to_string())?;
                let connection = StepConnection::Shared(network.namespace.clone());
                shared = Some(network);
                connection
            }
            Network::Default => {
                let free = self.lock().pop();
                let connected = match free {
                    Some(connected) => connected,
                    None => self.connect().map_err(|error| self.failed(&error))?,
                };
                return Ok(StepPlace {
                    pool: self,
                    connection: StepConnection::Namespace(connected.network.namespace()),
                    connected: Some(connected),
                    shared: None,
                    again: !insecure,
                });
            }
        };
        Ok(StepPlace {
            pool: self,
            connection,
            connected: None,
            shared,
            again: false,
        })
    }

    /// Takes back what steps had, while the build goes on with something else: none of them runs any more.
    pub(super) fn release_beside(self: &Arc<Self>) -> Releasing {
        let free = std::mem::take(&mut *self.lock());
        let networks = Arc::clone(self);
        // Without a thread whoever comes next does it.
        let thread = std::thread::Builder::new().spawn(move || networks.release(free));
        Releasing(thread.ok())
    }

    /// The container whose network steps share.
    fn container(&self) -> Option<&str> {
        self.name.strip_prefix("container:")
    }

    fn connect(&self) -> Result<Connected, HostError> {
        let folder = StepFolder::empty(&self.engine)?;
        let (network, warnings) = self.engine.connect_step(folder.id(), &self.name)?;
        for warning in warnings {
            self.events.tell(BuildEvent::Warning(warning));
        }
        Ok(Connected { network, folder })
    }

    fn failed(&self, error: &HostError) -> String {
        format!(
            "it cannot be connected to the network {}: {error}. With --network=host steps have the machine's network, with --network=none they have none",
            self.name
        )
    }

    /// What an ordinary user can have; that there is nothing better than the machine's network is said once.
    fn of_user(&self) -> StepConnection {
        let tool = self.of_user.get_or_init(|| {
            let found = UserNetworkTool::find();
            if let Err(why) = &found {
                let text = format!("steps have the machine's network: {why}");
                self.events.tell(BuildEvent::Warning(text));
            }
            found.ok()
        });
        tool.clone()
            .map_or(StepConnection::Machine, StepConnection::User)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connected>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, connected: Vec<Connected>) {
        if connected.is_empty() {
            return;
        }
        let (networks, folders): (Vec<_>, Vec<_>) = connected
            .into_iter()
            .map(|one| (one.network, one.folder))
            .unzip();
        if let Err(error) = self.engine.release_steps(networks) {
            tracing::warn!(%error, "what is left of the networks of steps cannot be removed");
        }
        // Held until nothing is theirs any more.
        drop(folders);
    }
}

impl Drop for StepNetworks {
    fn drop(&mut self) {
        let free = std::mem::take(&mut *self.lock());
        self.release(free);
    }
}

impl StepPlace<'_> {
    /// The machine as the step sees it; nothing for a step that sees nobody.
    ///
    /// # Errors
    /// If it sees others, and the machine is not among them.
    pub(super) fn gateway(&self) -> Result<Option<IpAddr>, NameError> {
        match &self.connection {
            StepConnection::Machine => Ok(Some(Ipv4Addr::LOCALHOST.into())),
            StepConnection::Nothing => Ok(None),
            _ => {
                let connected = self.connected.as_ref();
                let gateway = match &self.shared {
                    Some(shared) => shared.gateway,
                    None => connected.and_then(|connected| connected.network.gateway()),
                };
                gateway
                    .map(|it| Some(it.into()))
                    .ok_or(NameError::NoGateway)
            }
        }
    }

    /// Its `/etc/resolv.conf`.
    ///
    /// # Errors
    /// If a name server of `host` is none.
    pub(super) fn resolver(&self, host: &HostConfig) -> Result<String, HostError> {
        let connected = self.connected.as_ref();
        let own = connected.and_then(|connected| connected.network.name_server());
        match &self.connection {
            StepConnection::Machine | StepConnection::Nothing => {
                Ok(std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
            }
            StepConnection::Shared(_) => {
                let shared = self.shared.as_ref();
                Ok(shared.map_or_else(String::new, |shared| shared.resolver.clone()))
            }
            StepConnection::Namespace(_) => resolver_text(host, own),
            StepConnection::User(tool) => resolver_text(host, Some(tool.dns_server().into())),
        }
    }
}

impl Drop for StepPlace<'_> {
    fn drop(&mut self) {
        let Some(connected) = self.connected.take() else {
            return;
        };
        if self.again {
            self.pool.lock().push(connected);
        } else {
            self.pool.release(vec![connected]);
        }
    }
}
