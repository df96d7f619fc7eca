//! `<root>/networks/networks.json`: the networks, and who has which place in them. One process changes it at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use wharf_blobs::FileLock;
use wharf_runtime::HostError;
use wharf_runtime::network::{
    BridgeNetwork, ContainerAddresses, Endpoint, Firewall, PublishedPort, TakenPort,
};

use crate::containers::names::new_id;
use crate::containers::step::is_at_work;
use crate::engine::Engine;

const NETWORKS_FORMAT: u32 = 2;
/// The format without networks that somebody made.
const FIRST_FORMAT: u32 = 1;
/// Taken by whoever chooses a subnet: root's folder, of one boot.
const CHOOSING: &str = "/run/wharf-subnets.lock";
/// The networks that are always there, and their drivers.
pub(super) const PREDEFINED: [(&str, &str); 3] =
    [("bridge", "bridge"), ("host", "host"), ("none", "null")];

/// What is written down.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Networks {
    format: u32,
    /// By ID.
    pub(super) networks: BTreeMap<String, Network>,
    /// Containers that have a name server.
    #[serde(default)]
    pub(super) name_servers: BTreeSet<String>,
    /// Ports of containers, by ID, that are held and lead nowhere: no network of theirs leads out now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) parked_ports: BTreeMap<String, Vec<TakenPort>>,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// `bridge`, `host` or `null`.
    pub driver: String,
    /// Its bridge; the default network has one once somebody needed it.
    pub bridge: Option<BridgeNetwork>,
    /// Whether somebody chose its addresses.
    pub subnet_chosen: bool,
    /// The part of its addresses that containers get.
    pub ip_range: Option<Ipv4Net>,
    /// Addresses that no container gets, by the names that people gave them.
    pub auxiliary: BTreeMap<String, IpAddr>,
    /// Whether somebody chose its IPv6 addresses.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ipv6_subnet_chosen: bool,
    /// Whether it leads nowhere.
    pub internal: bool,
    /// Whether swarms may use it: remembered, and without effect.
    pub attachable: bool,
    /// What was asked of its driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Containers that run, and builds at work, that have a place in it, by ID.
    pub places: BTreeMap<String, NetworkPlace>,
}

/// The place of a container that runs in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlace {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The container's name.
    pub container: String,
    /// Its cable and address.
    pub endpoint: Endpoint,
    /// What it is called in the network; nothing in the default one.
    pub names: Vec<String>,
    /// Ports of the machine that lead to it.
    pub ports: Vec<TakenPort>,
}

impl Network {
    /// Whether it is always there.
    pub fn is_predefined(&self) -> bool {
        is_predefined(&self.name)
    }

    /// The first twelve digits of its ID.
    pub fn short_id(&self) -> &str {
        crate::containers::record::short(&self.id)
    }

    pub(super) fn taken(&self) -> BTreeSet<Ipv4Addr> {
        let places = self.places.values().map(|place| place.endpoint.address);
        let auxiliary = self.auxiliary.values().filter_map(|address| match address {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        });
        places.chain(auxiliary).collect()
    }

    pub(super) fn taken_ipv6(&self) -> BTreeSet<Ipv6Addr> {
        let places = self.places.values();
        let places = places.filter_map(|place| place.endpoint.ipv6_address);
        let auxiliary = self.auxiliary.values().filter_map(|address| match address {
            IpAddr::V6(address) => Some(*address),
            IpAddr::V4(_) => None,
        });
        places.chain(auxiliary).collect()
    }
}

pub(super) fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(known, _)| *known == name) || name == "default"
}

impl NetworkPlace {
    /// Its ports as the rules for packets have them.
    pub(super) fn published(&self) -> Vec<PublishedPort> {
        let led = self.ports.iter().filter_map(|port| {
            // Who has no IPv6 address is reached there by the proxy.
            let address = match port.host_ip {
                IpAddr::V4(_) => self.endpoint.address.into(),
                IpAddr::V6(_) => self.endpoint.ipv6_address?.into(),
            };
            Some(PublishedPort {
                host_ip: port.host_ip,
                host_port: port.host_port,
                container: SocketAddr::new(address, port.container_port),
                protocol: port.protocol,
            })
        });
        led.collect()
    }

    /// Where the proxy of its ports leads to.
    pub(super) fn addresses(&self) -> ContainerAddresses {
        ContainerAddresses {
            ipv4: self.endpoint.address,
            ipv6: self.endpoint.ipv6_address,
        }
    }

    /// Takes away what of it is outside of the container. Safe to be done again.
    pub(super) fn undo(
        &self,
        bridge: &BridgeNetwork,
        firewall: &Firewall,
    ) -> Result<(), HostError> {
        firewall.unpublish(bridge, &self.published())?;
        bridge.disconnect(&self.endpoint)?;
        Ok(())
    }
}

/// The file, held by this process.
pub(super) struct NetworksFile {
    path: PathBuf,
    pub(super) state: Networks,
    _lock: FileLock,
    /// Held while the subnet of a bridge is chosen that is not there yet.
    choosing: Option<FileLock>,
}

/// Where it is.
pub(super) fn path(engine: &Engine) -> PathBuf {
    engine.settings().root.join("networks/networks.json")
}

/// What is written down, without holding it: what one process wrote, whole. `None` where nobody wrote anything.
pub(super) fn read(path: &Path) -> Result<Option<Networks>, HostError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let Format { format } = serde_json::from_slice(&bytes)?;
    match format {
        NETWORKS_FORMAT => Ok(Some(serde_json::from_slice(&bytes)?)),
        FIRST_FORMAT => Ok(Some(from_first(&bytes)?)),
        format => {
            let path = path.display();
            Err(format!("{path} has format {format}: use a newer wharf").into())
        }
    }
}

/// The format before networks that somebody made: a bridge, and places in it.
fn from_first(bytes: &[u8]) -> Result<Networks, HostError> {
    #[derive(Deserialize)]
    struct Old {
        bridge: Option<BridgeNetwork>,
        endpoints: BTreeMap<String, OldPlace>,
    }
    #[derive(Deserialize)]
    struct OldPlace {
        endpoint: Endpoint,
        ports: Vec<TakenPort>,
    }
    let old: Old = serde_json::from_slice(bytes)?;
    let mut networks = predefined(Timestamp::UNIX_EPOCH)?;
    for network in networks.values_mut().filter(|one| one.name == "bridge") {
        network.bridge.clone_from(&old.bridge);
        for (container, place) in &old.endpoints {
            let place = NetworkPlace {
                id: new_id()?,
                container: String::new(),
                endpoint: place.endpoint.clone(),
                names: Vec::new(),
                ports: place.ports.clone(),
            };
            network.places.insert(container.clone(), place);
        }
    }
    Ok(Networks {
        format: NETWORKS_FORMAT,
        networks,
        name_servers: BTreeSet::new(),
        parked_ports: BTreeMap::new(),
    })
}

fn predefined(created: Timestamp) -> io::Result<BTreeMap<String, Network>> {
    let mut networks = BTreeMap::new();
    for (name, driver) in PREDEFINED {
        let id = new_id()?;
        let network = Network {
            id: id.clone(),
            name: name.to_owned(),
            created,
            driver: driver.to_owned(),
            bridge: None,
            subnet_chosen: false,
            ip_range: None,
            auxiliary: BTreeMap::new(),
            ipv6_subnet_chosen: false,
            internal: false,
            attachable: false,
            options: BTreeMap::new(),
            labels: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        networks.insert(id, network);
    }
    Ok(networks)
}

impl NetworksFile {
    /// Opens it, made with the networks that are always there where it is missing. Places of containers that nobody watches any more,
    /// and of builds that are not at work, are taken back.
    pub(super) fn open(engine: &Engine) -> Result<Self, HostError> {
        let path = path(engine);
        // A folder with networks and without a store would be taken for somebody else's.
        engine.store()?;
        let folder = path.parent().unwrap_or(Path::new("/"));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let lock = FileLock::acquire(&folder.join("lock"))?;
        let state = match read(&path)? {
            Some(state) => state,
            None => Networks {
                format: NETWORKS_FORMAT,
                networks: predefined(engine.settings().clock.now())?,
                name_servers: BTreeSet::new(),
                parked_ports: BTreeMap::new(),
            },
        };
        let is_new = !path.exists();
        let mut file = Self {
            path,
            state,
            _lock: lock,
            choosing: None,
        };
        if file.forget_the_dead(engine) || is_new {
            file.save()?;
        }
        Ok(file)
    }

    pub(super) fn save(&self) -> Result<(), HostError> {
        let bytes = serde_json::to_vec(&self.state)?;
        Ok(wharf_blobs::write_file(&self.path, &bytes, 0o600)?)
    }

    /// Lets no other store choose a subnet until this is dropped: what is chosen shows in the machine's routes once the bridge is there.
    pub(super) fn choose_alone(&mut self) {
        // Where there is no such folder, two stores may choose the same at the same instant, and one of them finds out.
        self.choosing = FileLock::acquire(Path::new(CHOOSING)).ok();
    }

    /// Remembers the ports of a container that no network of its leads out for.
    pub(super) fn park(&mut self, container: &str, ports: Vec<TakenPort>) {
        if !ports.is_empty() {
            self.state.parked_ports.insert(container.to_owned(), ports);
        }
    }

    /// The network with that whole ID.
    pub(super) fn network(&mut self, id: &str) -> Result<&mut Network, HostError> {
        let missing = || format!("network {id} not found");
        Ok(self.state.networks.get_mut(id).ok_or_else(missing)?)
    }

    /// Containers that nobody watches have no places. Whether there were any.
    fn forget_the_dead(&mut self, engine: &Engine) -> bool {
        let mut watched: BTreeMap<String, bool> = BTreeMap::new();
        let mut is_watched = |id: &str| {
            let known = watched.entry(id.to_owned()).or_insert_with(|| {
                let folder = engine.container_folder(id);
                // What cannot be looked at is left alone.
                if folder.path().exists() {
                    folder.is_watched().unwrap_or(true)
                } else {
                    is_at_work(&engine.settings().root, id)
                }
            });
            *known
        };
        let mut forgot = false;
        for network in self.state.networks.values_mut() {
            let Some(bridge) = network.bridge.clone() else {
                continue;
            };
            network.places.retain(|id, place| {
                if is_watched(id) {
                    return true;
                }
                forgot = true;
                if let Err(error) = place.undo(&bridge, &Firewall::find()) {
                    tracing::warn!(%error, container = id, "what is left of a container's network cannot be removed");
                }
                false
            });
        }
        self.state.parked_ports.retain(|id, _| is_watched(id));
        let servers = &mut self.state.name_servers;
        let before = servers.len();
        servers.retain(|id| is_watched(id));
        forgot || servers.len() != before
    }
}
