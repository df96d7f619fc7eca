//! The network of a container of root's: its bridge, its address, its published ports.
//!
//! What is allocated stands in `<root>/networks/`, which one process changes at a time. An address belongs to its container as long as
//! somebody watches that; what a monitor that died left is taken back by whoever needs an address next.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use wharf_blobs::FileLock;
use wharf_runtime::network::{
    BridgeNetwork, DEFAULT_BRIDGE, DEFAULT_MTU, DnsOptions, Endpoint, Firewall, HeldPort,
    NetworkNamespace, PortBinding, PortProtocol, ProxyProcess, PublishedPort, TakenPort,
    UserNetwork, UserNetworkTool, bridge_device, choose_address, choose_subnet, default_pools,
    gateway_of, hardware_address, hardware_address_text, host_device, hosts, parse_add_host,
    parse_dns_server, resolv_conf, routed_networks, take_ports,
};
use wharf_runtime::{ContainerFolder, HostError};
use wharf_transfer::ErrorKind;

use super::record::{ContainerRecord, short};
use crate::engine::Engine;
use crate::error::EngineError;

const NETWORKS_FORMAT: u32 = 1;
/// The store that is the machine's own: its bridge has the name that people know.
const MACHINE_ROOT: &str = "/var/lib/wharf";

/// What is allocated.
#[derive(Debug, Serialize, Deserialize)]
struct Networks {
    format: u32,
    /// The default network, once somebody needed it.
    bridge: Option<BridgeNetwork>,
    /// Containers that have a place in it.
    endpoints: BTreeMap<String, Place>,
}

/// The place of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// Its cable and address.
    endpoint: Endpoint,
    /// Ports of the machine that lead to it.
    ports: Vec<TakenPort>,
}

/// The place of a container in the default network, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerNetwork {
    /// Its address.
    pub address: Ipv4Addr,
    /// How many bits of that are the network's.
    pub prefix_length: u8,
    /// The machine's address there.
    pub gateway: Ipv4Addr,
    /// As `02:42:ac:11:00:02`.
    pub hardware_address: String,
    /// Ports of the machine that lead to it.
    pub ports: Vec<TakenPort>,
}

/// A container that is connected, as long as it runs.
pub(super) struct Connected {
    network: BridgeNetwork,
    endpoint: Endpoint,
    ports: Vec<TakenPort>,
    held: Vec<HeldPort>,
    proxy: Option<ProxyProcess>,
}

impl Engine {
    fn networks_folder(&self) -> PathBuf {
        self.settings().root.join("networks")
    }

    /// Gives the container its place in the default network, and writes its files of names.
    pub(super) fn allocate_network(
        &self,
        record: &ContainerRecord,
        folder: &ContainerFolder,
    ) -> Result<(Connected, Vec<String>), HostError> {
        let mut file = NetworksFile::open(self)?;
        file.forget_the_dead(self)?;
        let firewall = Firewall::find();
        let network = file.network(&self.settings().root)?;
        let taken: BTreeSet<Ipv4Addr> = file
            .state
            .endpoints
            .values()
            .map(|place| place.endpoint.address)
            .collect();
        let name = format!("bridge ({})", network.device);
        let address = choose_address(&name, network.subnet, None, network.gateway, &taken)?;
        let endpoint = Endpoint {
            host_device: host_device(&record.id),
            device: "eth0".to_owned(),
            address,
            default_route: true,
        };
        let bindings = bindings(record)?;
        let others = file.state.endpoints.values().flat_map(|place| &place.ports);
        let others: Vec<TakenPort> = others.copied().collect();
        let is_allocated = |ip: IpAddr, port: u16, protocol: PortProtocol| {
            others.iter().any(|other| {
                other.host_port == port
                    && other.protocol == protocol
                    && (other.host_ip == ip
                        || other.host_ip.is_unspecified()
                        || ip.is_unspecified())
            })
        };
        let held = take_ports(&bindings, address, &is_allocated)
            .map_err(|error| error.on_endpoint(&record.name, &record.id))?;
        let warnings = network.ensure(&firewall)?;
        let ports: Vec<TakenPort> = held.iter().map(|held| held.port).collect();
        let place = Place {
            endpoint: endpoint.clone(),
            ports: ports.clone(),
        };
        file.state.endpoints.insert(record.id.clone(), place);
        file.save()?;
        let gateway = Some(network.gateway.into());
        write_names(record, folder, gateway, Some(address.into()), None)?;
        let connected = Connected {
            network,
            endpoint,
            ports,
            held,
            proxy: None,
        };
        Ok((connected, warnings))
    }

    /// Takes the place back. The last one takes the bridge with it, unless it is the machine's.
    pub(super) fn release_network(&self, id: &str, connected: Connected) -> Result<(), HostError> {
        let firewall = Firewall::find();
        let published = connected.published();
        let Connected { network, proxy, .. } = connected;
        // Nobody is let in any more.
        drop(proxy);
        firewall.unpublish(&network, &published)?;
        let mut file = NetworksFile::open(self)?;
        file.state.endpoints.remove(id);
        if file.state.endpoints.is_empty() && self.settings().root != Path::new(MACHINE_ROOT) {
            network.remove(&firewall)?;
            file.state.bridge = None;
        }
        file.save()
    }

    /// Where the container is in the default network, while it runs.
    pub fn container_network(&self, id: &str) -> Result<Option<ContainerNetwork>, EngineError> {
        if !self.networks_folder().join("networks.json").exists() {
            return Ok(None);
        }
        let file = NetworksFile::open(self)
            .map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        let place = file.state.endpoints.get(id);
        let network = file.state.bridge.as_ref();
        Ok(place.zip(network).map(|(place, network)| ContainerNetwork {
            address: place.endpoint.address,
            prefix_length: network.subnet.prefix_len(),
            gateway: network.gateway,
            hardware_address: hardware_address_text(hardware_address(place.endpoint.address)),
            ports: place.ports.clone(),
        }))
    }
}

impl Connected {
    /// Connects the new process, and lets its ports lead to it.
    pub(super) fn connect(&mut self, process: Pid) -> Result<(), HostError> {
        let number = process.as_raw_nonzero().get().unsigned_abs();
        let namespace = NetworkNamespace::of_process(number)?;
        self.network.connect(&self.endpoint, &namespace)?;
        Firewall::find().publish(&self.network, &self.published())?;
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.proxy = Some(ProxyProcess::start(held, self.endpoint.address)?);
        }
        Ok(())
    }

    fn published(&self) -> Vec<PublishedPort> {
        let of_ipv4 = self.ports.iter().filter_map(|port| match port.host_ip {
            IpAddr::V4(host_ip) => Some(PublishedPort {
                host_ip,
                host_port: port.host_port,
                container: SocketAddrV4::new(self.endpoint.address, port.container_port),
                protocol: port.protocol,
            }),
            IpAddr::V6(_) => None,
        });
        of_ipv4.collect()
    }
}

/// The network of an ordinary user's container.
pub(super) struct UserPlace {
    tool: UserNetworkTool,
    ports: Vec<TakenPort>,
    network: Option<UserNetwork>,
}

impl UserPlace {
    /// Looks for a program that can make one, and for ports that are free.
    pub(super) fn find(record: &ContainerRecord) -> Result<Self, HostError> {
        let tool = UserNetworkTool::find()?;
        // The program binds them itself: they are free at this moment.
        let held = take_ports(&bindings(record)?, Ipv4Addr::UNSPECIFIED, &|_, _, _| false)
            .map_err(|error| error.on_endpoint(&record.name, &record.id))?;
        Ok(Self {
            tool,
            ports: held.iter().map(|held| held.port).collect(),
            network: None,
        })
    }

    /// Starts the program for the new process.
    pub(super) fn connect(
        &mut self,
        record: &ContainerRecord,
        process: Pid,
        folder: &ContainerFolder,
    ) -> Result<(), HostError> {
        let number = process.as_raw_nonzero().get().unsigned_abs();
        let network = self.tool.start(number, true, &self.ports, folder.path())?;
        let address = network.address.map(IpAddr::V4);
        write_names(
            record,
            folder,
            None,
            address,
            Some(network.dns_server.into()),
        )?;
        self.network = Some(network);
        Ok(())
    }

    /// Ends the program.
    pub(super) fn end(self) -> Result<(), HostError> {
        match self.network {
            Some(mut network) => Ok(network.end()?),
            None => Ok(()),
        }
    }
}

/// The file of what is allocated, with its lock.
struct NetworksFile {
    path: PathBuf,
    state: Networks,
    _lock: FileLock,
}

impl NetworksFile {
    fn open(engine: &Engine) -> Result<Self, HostError> {
        let folder = engine.networks_folder();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let lock = FileLock::acquire(&folder.join("lock"))?;
        let path = folder.join("networks.json");
        let state = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Networks {
                format: NETWORKS_FORMAT,
                bridge: None,
                endpoints: BTreeMap::new(),
            },
            Err(error) => return Err(error.into()),
        };
        if state.format != NETWORKS_FORMAT {
            let text = format!(
                "{} has format {}: use a newer wharf",
                path.display(),
                state.format
            );
            return Err(text.into());
        }
        Ok(Self {
            path,
            state,
            _lock: lock,
        })
    }

    fn save(&self) -> Result<(), HostError> {
        let bytes = serde_json::to_vec(&self.state)?;
        Ok(wharf_blobs::write_file(&self.path, &bytes, 0o600)?)
    }

    /// Containers that nobody watches have no addresses.
    fn forget_the_dead(&mut self, engine: &Engine) -> Result<(), HostError> {
        let ids: Vec<String> = self.state.endpoints.keys().cloned().collect();
        for id in ids {
            let folder = engine.container_folder(&id);
            if !folder.path().exists() || folder.try_lock()?.is_some() {
                self.state.endpoints.remove(&id);
            }
        }
        Ok(())
    }

    /// The default network, chosen where nothing else is.
    fn network(&mut self, root: &Path) -> Result<BridgeNetwork, HostError> {
        if let Some(network) = &self.state.bridge {
            return Ok(network.clone());
        }
        let subnet = choose_subnet(&default_pools(), &routed_networks()?)?;
        let network = BridgeNetwork {
            device: device_of(root)?,
            subnet,
            gateway: gateway_of(subnet).ok_or("the network has no addresses")?,
            mtu: DEFAULT_MTU,
            internal: false,
        };
        self.state.bridge = Some(network.clone());
        Ok(network)
    }
}

/// The bridge of a store: stores beside the machine's own have others.
fn device_of(root: &Path) -> Result<String, HostError> {
    if root == Path::new(MACHINE_ROOT) {
        return Ok(DEFAULT_BRIDGE.to_owned());
    }
    Ok(bridge_device(short(&super::names::new_id()?)))
}

fn bindings(record: &ContainerRecord) -> Result<Vec<PortBinding>, HostError> {
    let mut bindings = Vec::new();
    let host = &record.host_config;
    for (port, places) in &host.port_bindings {
        for place in places {
            bindings.push(binding(port, &place.host_ip, &place.host_port)?);
        }
    }
    if host.publish_all_ports {
        let open = record.config.exposed_ports.keys();
        for port in open.filter(|port| !host.port_bindings.contains_key(*port)) {
            bindings.push(binding(port, "", "")?);
        }
    }
    Ok(bindings)
}

fn binding(port: &str, host_ip: &str, host_port: &str) -> Result<PortBinding, HostError> {
    let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
    let host_ports = match host_port {
        "" => None,
        text => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            Some((first.parse()?, last.parse()?))
        }
    };
    Ok(PortBinding {
        host_ip: match host_ip {
            "" => None,
            address => Some(address.parse()?),
        },
        host_ports,
        container_port: number.parse()?,
        protocol: protocol.parse()?,
    })
}

/// `/etc/hosts` and `/etc/resolv.conf` of a container that has an address of its own.
fn write_names(
    record: &ContainerRecord,
    folder: &ContainerFolder,
    gateway: Option<IpAddr>,
    address: Option<IpAddr>,
    server: Option<IpAddr>,
) -> Result<(), HostError> {
    let host = &record.host_config;
    let mut extra = Vec::new();
    for text in host.extra_hosts.iter().flatten() {
        extra.push(parse_add_host(text)?);
    }
    let mut names = vec![record.config.hostname.clone()];
    if !record.config.domainname.is_empty() {
        names.insert(
            0,
            format!("{}.{}", record.config.hostname, record.config.domainname),
        );
    }
    let own: Vec<_> = address
        .map(|address| (address, names))
        .into_iter()
        .collect();
    let text = hosts(&own, &extra, gateway)?;
    wharf_blobs::write_file_unsynced(&folder.path().join("hosts"), text.as_bytes(), 0o644)?;
    let mut servers = Vec::new();
    for text in &host.dns {
        servers.push(parse_dns_server(text)?);
    }
    if servers.is_empty() {
        servers.extend(server);
    }
    let asked = DnsOptions {
        servers,
        search: host.dns_search.clone(),
        options: host.dns_options.clone(),
    };
    let machines = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let text = resolv_conf(&machines, &asked, true);
    wharf_blobs::write_file_unsynced(&folder.path().join("resolv.conf"), text.as_bytes(), 0o644)?;
    Ok(())
}
