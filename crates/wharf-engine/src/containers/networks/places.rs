//! A container's places in its networks: given when it starts, taken back when it has ended, or when somebody sees that its monitor died.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::process::Pid;
use wharf_runtime::network::{
    ContainerAddresses, Endpoint, Firewall, HeldPort, NetworkNamespace, PortBinding, PortProtocol,
    ProxyProcess, TakenPort, check_address, choose_address, hardware_address_text, host_device,
    take_ports,
};
use wharf_runtime::{ContainerFolder, HostError};
use wharf_transfer::ErrorKind;

use super::connect::{EndpointConfig, parse_hardware_address};
use super::create::{default_bridge, found, is_machines};
use super::file::{self, Network, NetworkPlace, NetworksFile};
use super::names::{ServerOrder, write_names};
use super::user_place::told_place;
use crate::containers::names::new_id;
use crate::containers::record::{ContainerRecord, short};
use crate::engine::Engine;
use crate::error::EngineError;

/// The place of a container in one network, as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerNetwork {
    /// The network's name.
    pub name: String,
    /// Its ID.
    pub network_id: String,
    /// The ID of the place.
    pub endpoint_id: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// How many bits of that are the network's.
    pub prefix_length: u8,
    /// The machine's address there, if it leads out.
    pub gateway: Option<Ipv4Addr>,
    /// Its IPv6 address, and how many bits of that are the network's.
    pub ipv6: Option<(Ipv6Addr, u8)>,
    /// The machine's IPv6 address there, if it leads out.
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// As `02:42:ac:11:00:02`.
    pub hardware_address: String,
    /// What it is called there.
    pub names: Vec<String>,
    /// Ports of the machine that lead to it.
    pub ports: Vec<TakenPort>,
}

/// A container's places, as long as it runs.
pub(in crate::containers) struct Connected {
    /// Networks, and the place in each, in the order of its devices.
    places: Vec<(Network, NetworkPlace)>,
    held: Vec<HeldPort>,
    proxy: Option<ProxyProcess>,
    server: Option<ServerOrder>,
}

impl Engine {
    /// Gives the container its places, and writes its files of names. What people should know comes back too.
    pub(in crate::containers) fn allocate_network(
        &self,
        record: &ContainerRecord,
        folder: &ContainerFolder,
    ) -> Result<(Connected, Vec<String>), HostError> {
        let mut file = NetworksFile::open(self)?;
        let firewall = Firewall::find();
        let wanted = wanted(&file, record)?;
        let mut taking = Taking {
            engine: self,
            record,
            places: Vec::new(),
            held: Vec::new(),
            warnings: Vec::new(),
        };
        for (number, (id, config)) in wanted.iter().enumerate() {
            taking.take(&mut file, id, config, number, &firewall)?;
        }
        let Taking {
            places,
            held,
            warnings,
            ..
        } = taking;
        let server = self.name_server(record, &places);
        if server.is_some() {
            file.state.name_servers.insert(record.id.clone());
        }
        file.save()?;
        write_names(record, folder, &places, server.is_some())?;
        let connected = Connected {
            places,
            held,
            proxy: None,
            server,
        };
        Ok((connected, warnings))
    }

    /// Takes all places back, those too that it was given while it ran.
    pub(in crate::containers) fn release_network(
        &self,
        id: &str,
        connected: Connected,
    ) -> Result<(), HostError> {
        // Nobody is let in any more.
        drop(connected.proxy);
        let mut file = NetworksFile::open(self)?;
        self.release_places(&mut file, id)?;
        file.save()
    }

    /// Takes all places of a container back. The file is the caller's to save.
    pub(super) fn release_places(
        &self,
        file: &mut NetworksFile,
        id: &str,
    ) -> Result<(), HostError> {
        let firewall = Firewall::find();
        let machines = is_machines(&self.settings().root);
        file.state.name_servers.remove(id);
        file.state.parked_ports.remove(id);
        for network in file.state.networks.values_mut() {
            let Some(bridge) = network.bridge.clone() else {
                continue;
            };
            if let Some(place) = network.places.get(id) {
                place.undo(&bridge, &firewall)?;
                network.places.remove(id);
            }
            // The last one takes the default bridge with it, unless it is the machine's.
            if network.is_predefined() && network.places.is_empty() && !machines {
                bridge.remove(&firewall)?;
                network.bridge = None;
            }
        }
        Ok(())
    }

    /// Takes back what monitors left that died.
    pub(crate) fn release_dead_places(&self) -> Result<(), HostError> {
        if self.settings().caller.is_some() || !file::path(self).exists() {
            return Ok(());
        }
        let mut file = NetworksFile::open(self)?;
        // Opening has taken their places; what is left is the bridge that nobody needs.
        self.release_places(&mut file, "")?;
        file.save()
    }

    /// Whether anything of a network is the container's.
    pub(in crate::containers) fn has_places(&self, id: &str) -> bool {
        let read = file::read(&file::path(self)).ok().flatten();
        read.is_some_and(|state| {
            let mut networks = state.networks.values();
            state.name_servers.contains(id)
                || networks.any(|network| network.places.contains_key(id))
        })
    }

    /// Where the container is, while it runs; that through which it reaches the world first.
    pub fn container_networks(&self, id: &str) -> Result<Vec<ContainerNetwork>, EngineError> {
        if self.settings().caller.is_some() {
            return Ok(told_place(&self.container_folder(id))?
                .into_iter()
                .collect());
        }
        let read = file::read(&file::path(self))
            .map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        let mut places: Vec<(bool, ContainerNetwork)> = Vec::new();
        for network in read.iter().flat_map(|state| state.networks.values()) {
            let (Some(bridge), Some(place)) = (&network.bridge, network.places.get(id)) else {
                continue;
            };
            let shown = ContainerNetwork {
                name: network.name.clone(),
                network_id: network.id.clone(),
                endpoint_id: place.id.clone(),
                address: place.endpoint.address,
                prefix_length: bridge.subnet.prefix_len(),
                gateway: (!network.internal).then_some(bridge.gateway),
                ipv6: place.endpoint.ipv6_address.map(|address| {
                    let side = bridge.ipv6.as_ref();
                    let bits = side.map_or(128, |side| side.subnet.prefix_len());
                    (address, bits)
                }),
                ipv6_gateway: bridge
                    .ipv6
                    .as_ref()
                    .filter(|_| !network.internal)
                    .map(|side| side.gateway),
                hardware_address: hardware_address_text(place.endpoint.hardware()),
                names: place.names.clone(),
                ports: place.ports.clone(),
            };
            places.push((!place.endpoint.default_route, shown));
        }
        places.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
        Ok(places.into_iter().map(|(_, shown)| shown).collect())
    }
}

impl Connected {
    /// Connects the new process, lets its ports lead to it, and starts its name server.
    pub(in crate::containers) fn connect(&mut self, process: Pid) -> Result<(), HostError> {
        let number = process.as_raw_nonzero().get().unsigned_abs();
        let namespace = NetworkNamespace::of_process(number)?;
        for (network, place) in &self.places {
            let Some(bridge) = &network.bridge else {
                continue;
            };
            bridge.connect(&place.endpoint, &namespace)?;
            Firewall::find().publish(bridge, &place.published())?;
            if !place.ports.is_empty() && !self.held.is_empty() {
                let held = std::mem::take(&mut self.held);
                self.proxy = Some(ProxyProcess::start(held, place.addresses())?);
            }
        }
        if let Some(server) = self.server.take() {
            server.start(process)?;
        }
        Ok(())
    }

    /// Leads its ports to others of its addresses.
    pub(in crate::containers) fn lead_ports(
        &self,
        addresses: ContainerAddresses,
    ) -> std::io::Result<()> {
        match &self.proxy {
            Some(proxy) => proxy.lead_to(addresses),
            None => Ok(()),
        }
    }
}

/// The networks of the container that have a bridge, by ID, with what was asked of them: that of its mode first.
fn wanted(
    file: &NetworksFile,
    record: &ContainerRecord,
) -> Result<Vec<(String, EndpointConfig)>, HostError> {
    let mode = record.network_name();
    let mut wanted = Vec::new();
    for (name, config) in record.endpoints() {
        let network = found(&file.state, &name)?;
        if network.driver == "bridge" {
            wanted.push((network.name != mode, network.id.clone(), config));
        }
    }
    wanted.sort_by_key(|(other, _, _)| *other);
    Ok(wanted
        .into_iter()
        .map(|(_, id, config)| (id, config))
        .collect())
}

struct Taking<'a> {
    engine: &'a Engine,
    record: &'a ContainerRecord,
    places: Vec<(Network, NetworkPlace)>,
    held: Vec<HeldPort>,
    warnings: Vec<String>,
}

impl Taking<'_> {
    /// One place. The network with the highest priority that leads out is the way out (Docker's rule), and has the ports.
    fn take(
        &mut self,
        file: &mut NetworksFile,
        id: &str,
        config: &EndpointConfig,
        number: usize,
        firewall: &Firewall,
    ) -> Result<(), HostError> {
        let record = self.record;
        let leads_out = self.way_out(file)?.as_deref() == Some(id);
        let mut place = new_place(file, self.engine, id, record, config, number)?;
        place.endpoint.default_route = leads_out;
        if leads_out {
            let others = file.state.networks.values();
            let others: Vec<TakenPort> = others
                .flat_map(|network| network.places.values())
                .flat_map(|place| place.ports.iter().copied())
                .collect();
            let is_allocated = |ip: IpAddr, port: u16, protocol: PortProtocol| {
                others.iter().any(|other| {
                    other.host_port == port
                        && other.protocol == protocol
                        && (other.host_ip == ip
                            || other.host_ip.is_unspecified()
                            || ip.is_unspecified())
                })
            };
            let held = take_ports(&bindings(record)?, place.endpoint.address, &is_allocated)
                .map_err(|error| error.on_endpoint(&record.name, &record.id))?;
            place.ports = held.iter().map(|held| held.port).collect();
            self.held = held;
        }
        let network = file.network(id)?;
        if let Some(bridge) = &network.bridge {
            self.warnings.extend(bridge.ensure(firewall)?);
        }
        network.places.insert(record.id.clone(), place.clone());
        let network = Network {
            places: BTreeMap::new(),
            ..network.clone()
        };
        self.places.push((network, place));
        Ok(())
    }

    fn way_out(&self, file: &NetworksFile) -> Result<Option<String>, HostError> {
        let mut candidates = Vec::new();
        for (name, config) in self.record.endpoints() {
            let network = found(&file.state, &name)?;
            if network.driver == "bridge" && !network.internal {
                let order = (-config.gw_priority, network.name.clone());
                candidates.push((order, network.id.clone()));
            }
        }
        Ok(candidates.into_iter().min().map(|(_, id)| id))
    }
}

/// A container's place in a network, which is not written down yet.
pub(super) fn new_place(
    file: &mut NetworksFile,
    engine: &Engine,
    id: &str,
    record: &ContainerRecord,
    config: &EndpointConfig,
    number: usize,
) -> Result<NetworkPlace, HostError> {
    let mut place = free_place(file, engine, id, &record.name, config, number)?;
    if !file.network(id)?.is_predefined() {
        place.names = names_of(record, config);
    }
    Ok(place)
}

/// A place without names, of whoever is called `owner`.
pub(super) fn free_place(
    file: &mut NetworksFile,
    engine: &Engine,
    id: &str,
    owner: &str,
    config: &EndpointConfig,
    number: usize,
) -> Result<NetworkPlace, HostError> {
    if file.network(id)?.bridge.is_none() {
        file.choose_alone();
    }
    let bridges = file.state.networks.values();
    let subnets = bridges.filter_map(|network| network.bridge.as_ref());
    let subnets = subnets.map(|bridge| bridge.subnet).collect();
    let network = file.network(id)?;
    let bridge = default_bridge(network, subnets, &engine.settings().root)?;
    let taken = network.taken();
    let address = match config.ipv4_address.as_str() {
        "" => {
            let name = format!("{} ({})", network.name, short(&network.id));
            choose_address(
                &name,
                bridge.subnet,
                network.ip_range,
                bridge.gateway,
                &taken,
            )?
        }
        text => {
            let address = text.parse()?;
            check_address(bridge.subnet, bridge.gateway, &taken, address)?;
            address
        }
    };
    let name = format!("{} ({})", network.name, short(&network.id));
    let ipv6_address = match (&bridge.ipv6, config.ipv6_address.as_str()) {
        (None, _) => None,
        (Some(side), "") => Some(side.choose(&name, &network.taken_ipv6())?),
        (Some(side), text) => {
            let address = text.parse()?;
            side.check(&network.taken_ipv6(), address)?;
            Some(address)
        }
    };
    let hardware_address = match config.mac_address.as_str() {
        "" => None,
        text => Some(parse_hardware_address(text).ok_or("invalid MAC address")?),
    };
    let place_id = new_id()?;
    Ok(NetworkPlace {
        container: owner.to_owned(),
        endpoint: Endpoint {
            host_device: host_device(&place_id),
            device: format!("eth{number}"),
            address,
            ipv6_address,
            default_route: false,
            hardware_address,
        },
        names: Vec::new(),
        ports: Vec::new(),
        id: place_id,
    })
}

/// What a container is called in a network: its name, what was asked for, its short ID, its host name.
fn names_of(record: &ContainerRecord, config: &EndpointConfig) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let own = [
        record.name.as_str(),
        record.short_id(),
        record.config.hostname.as_str(),
    ];
    let [name, others @ ..] = own;
    let all = std::iter::once(name)
        .chain(config.aliases.iter().map(String::as_str))
        .chain(others);
    for name in all.filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

pub(super) fn bindings(record: &ContainerRecord) -> Result<Vec<PortBinding>, HostError> {
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
