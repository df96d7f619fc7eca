//! Networks of a build's steps: a network namespace with a place in a network, for one step after the other.
//!
//! The namespace hangs on a descriptor of the builder's process. When that dies the kernel takes the cable with it, and what is
//! written down is taken back by whoever opens `networks.json` next: a build is at work as long as it holds its folder's lock.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use wharf_runtime::network::{Firewall, NAME_SERVER, NameServerThread, NetworkNamespace};
use wharf_runtime::{HostError, NamespaceChoice};
use wharf_transfer::ErrorKind;

use super::connect::EndpointConfig;
use super::create::found;
use super::file::NetworksFile;
use super::places::free_place;
use crate::engine::Engine;
use crate::error::{EngineError, failure};

/// Whose places they are, as `network inspect` shows it.
const OWNER: &str = "build";

/// A network namespace that is connected, as long as this is there and its place is not released.
#[derive(Debug)]
pub(crate) struct StepNetwork {
    id: String,
    namespace: NetworkNamespace,
    gateway: Option<Ipv4Addr>,
    server: Option<NameServerThread>,
}

impl StepNetwork {
    /// Its namespace, for processes that this one starts.
    pub(crate) fn namespace(&self) -> PathBuf {
        self.namespace.path()
    }

    /// The machine's address in its network, if that leads out.
    pub(crate) fn gateway(&self) -> Option<Ipv4Addr> {
        self.gateway
    }

    /// Who answers names in it, if it has a name server of its own.
    pub(crate) fn name_server(&self) -> Option<IpAddr> {
        self.server.as_ref().map(|_| NAME_SERVER.into())
    }
}

/// The network of a container, for a step that shares it.
#[derive(Debug)]
pub(crate) struct SharedNetwork {
    /// Its namespace.
    pub(crate) namespace: PathBuf,
    /// The container's `/etc/resolv.conf`.
    pub(crate) resolver: String,
    /// The machine as the container sees it, if it does.
    pub(crate) gateway: Option<Ipv4Addr>,
}

impl Engine {
    /// The network of a container that runs.
    pub(crate) fn network_of_container(&self, text: &str) -> Result<SharedNetwork, EngineError> {
        let container = self.container(text)?;
        let NamespaceChoice::File(namespace) = self.namespace_of(text, "net")? else {
            let text = format!("container {text} has no network of its own");
            return Err(failure(ErrorKind::Invalid, text));
        };
        let id = &container.record.id;
        let folder = self.container_folder(id);
        let resolver = std::fs::read_to_string(folder.path().join("resolv.conf"));
        let networks = self.container_networks(id)?;
        Ok(SharedNetwork {
            namespace,
            resolver: resolver.unwrap_or_default(),
            gateway: networks.first().and_then(|network| network.gateway),
        })
    }

    /// Whether steps can be in the network that `text` means.
    pub(crate) fn check_step_network(&self, text: &str) -> Result<(), EngineError> {
        if let Some(container) = text.strip_prefix("container:") {
            if self.settings().caller.is_some() {
                let text = "only root's steps can share the network of a container: build as root, or without --network";
                return Err(failure(ErrorKind::Denied, text));
            }
            return self.network_of_container(container).map(drop);
        }
        let network = self.network(text)?;
        if network.driver == "bridge" {
            return Ok(());
        }
        let text = format!(
            "steps cannot be connected to the network {text}: say --network={}",
            network.name
        );
        Err(failure(ErrorKind::Invalid, text))
    }

    /// Connects a new namespace to the network that `text` means. `id` is that of a folder of a step at work: its lock says how long
    /// the place is held. What people should know comes back too.
    pub(crate) fn connect_step(
        &self,
        id: &str,
        text: &str,
    ) -> Result<(StepNetwork, Vec<String>), HostError> {
        let namespace = NetworkNamespace::new()?;
        let mut file = NetworksFile::open(self)?;
        let network = found(&file.state, text)?;
        let (network_id, has_names) = (network.id.clone(), !network.is_predefined());
        let config = EndpointConfig::default();
        let mut place = free_place(&mut file, self, &network_id, OWNER, &config, 0)?;
        let network = file.network(&network_id)?;
        place.endpoint.default_route = !network.internal;
        let bridge = network.bridge.clone().ok_or("the network has no bridge")?;
        let warnings = bridge.ensure(&Firewall::find())?;
        // Written down first: what is half done when this process dies is taken back with the build.
        network.places.insert(id.to_owned(), place.clone());
        file.save()?;
        drop(file);
        let connected = (|| -> Result<StepNetwork, HostError> {
            bridge.connect(&place.endpoint, &namespace)?;
            let server = if has_names {
                Some(self.server_order_for(id, &[]).start_thread(&namespace)?)
            } else {
                None
            };
            Ok(StepNetwork {
                id: id.to_owned(),
                gateway: place.endpoint.default_route.then_some(bridge.gateway),
                namespace,
                server,
            })
        })();
        match connected {
            Ok(connected) => Ok((connected, warnings)),
            Err(error) => {
                self.forget_steps(&[id.to_owned()])?;
                Err(error)
            }
        }
    }

    /// Takes places back that steps had. Nothing may run in them any more.
    pub(crate) fn release_steps(&self, networks: Vec<StepNetwork>) -> Result<(), HostError> {
        // The kernel removes a cable with the namespace that it leads to, and nobody has to wait for that.
        let ids: Vec<String> = networks.into_iter().map(|network| network.id).collect();
        self.forget_steps(&ids)
    }

    fn forget_steps(&self, ids: &[String]) -> Result<(), HostError> {
        let mut file = NetworksFile::open(self)?;
        for network in file.state.networks.values_mut() {
            network.places.retain(|id, _| !ids.contains(id));
        }
        // What is left is the bridge that nobody needs.
        self.release_places(&mut file, "")?;
        file.save()
    }
}
