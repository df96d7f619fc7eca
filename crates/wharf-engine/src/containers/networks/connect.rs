//! `network connect` and `disconnect`; and what was asked of a container's networks when it was made.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustix::process::Pid;
use serde::{Deserialize, Serialize};
use wharf_runtime::network::{ContainerAddresses, Firewall, NetworkNamespace};
use wharf_runtime::{HostError, MonitorClient, MonitorClientError};
use wharf_transfer::ErrorKind;

use super::create::found;
use super::file::{Network, Networks, NetworksFile, is_predefined};
use super::names::{add_own_host, use_name_server};
use super::places::new_place;
use crate::containers::record::{Container, ContainerRecord, RECORD_FILE};
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// What was asked of a container's place in a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct EndpointConfig {
    /// Further names.
    pub aliases: Vec<String>,
    /// An address; empty for any.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// An IPv6 address; empty for any.
    #[serde(rename = "IPv6Address", skip_serializing_if = "String::is_empty")]
    pub ipv6_address: String,
    /// A hardware address; empty for any.
    pub mac_address: String,
    /// The network with the highest one is the way out.
    pub gw_priority: i64,
}

impl ContainerRecord {
    /// The name of the network that its mode means; nothing if that is another container's.
    pub fn network_name(&self) -> &str {
        match self.host_config.network_mode.as_str() {
            "" | "default" => "bridge",
            mode if mode.starts_with("container:") => "",
            mode => mode,
        }
    }

    /// Its networks, by name, and what was asked of them.
    pub fn endpoints(&self) -> BTreeMap<String, EndpointConfig> {
        if let Some(networks) = &self.networks {
            return networks.clone();
        }
        let name = self.network_name();
        let networks = (!name.is_empty()).then(|| (name.to_owned(), EndpointConfig::default()));
        networks.into_iter().collect()
    }
}

impl Engine {
    /// Finds the networks that a new container is to be in, and checks what is asked of them.
    pub(in crate::containers) fn choose_networks(
        &self,
        record: &mut ContainerRecord,
        mut asked: BTreeMap<String, EndpointConfig>,
    ) -> Result<(), EngineError> {
        let mode = record.host_config.network_mode.clone();
        if mode.starts_with("container:") {
            record.networks = Some(BTreeMap::new());
            return Ok(());
        }
        if let Some(config) = asked.remove("default") {
            asked.entry("bridge".to_owned()).or_insert(config);
        }
        asked.entry(record.network_name().to_owned()).or_default();
        let mut networks = BTreeMap::new();
        let only_predefined = asked.keys().all(|name| is_predefined(name));
        let state = if only_predefined {
            None
        } else {
            Some(self.networks_file()?.state)
        };
        for (text, config) in asked {
            let network = match &state {
                Some(state) => Some(found(state, &text)?),
                None => None,
            };
            let name = network.map_or(text.as_str(), |network| network.name.as_str());
            check(name, network, &config)?;
            if name != text && text == mode {
                // The name stands for it from now on.
                name.clone_into(&mut record.host_config.network_mode);
            }
            networks.insert(name.to_owned(), config);
        }
        record.networks = Some(networks);
        Ok(())
    }

    /// Connects a container to one more network: at once if it runs.
    pub fn connect_network(
        &self,
        network: &str,
        container: &str,
        config: &EndpointConfig,
    ) -> Result<(), EngineError> {
        let (_lock, container) = self.locked_container(container)?;
        let Container { mut record, state } = container;
        let mut file = self.networks_file()?;
        let network = found(&file.state, network)?.clone();
        check(&network.name, Some(&network), config)?;
        refuse_shared(&record, &network)?;
        let mut endpoints = record.endpoints();
        if endpoints.contains_key(&network.name) && state.status.is_alive() {
            let text = format!(
                "endpoint with name {} already exists in network {}",
                record.name, network.name
            );
            return Err(failure(ErrorKind::Denied, text));
        }
        endpoints.insert(network.name.clone(), config.clone());
        record.networks = Some(endpoints);
        let mut led = None;
        if let Some(process) = state.process.and_then(Pid::from_raw)
            && state.status.is_alive()
        {
            let connected = self.connect_running(&mut file, &network, &record, config, process);
            led = connected.map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        }
        let folder = self.container_folder(&record.id);
        folder.write(RECORD_FILE, &record).map_err(classify)?;
        // A monitor whose container ends waits for the file.
        drop(file);
        self.lead_ports(&record, led)
    }

    /// Tells the container's monitor where its ports lead to from now on.
    fn lead_ports(
        &self,
        record: &ContainerRecord,
        addresses: Option<ContainerAddresses>,
    ) -> Result<(), EngineError> {
        let Some(addresses) = addresses else {
            return Ok(());
        };
        let monitor = MonitorClient::connect(&self.container_folder(&record.id));
        match monitor.map_err(classify)? {
            Some(mut monitor) => match monitor.lead_ports(addresses) {
                // It ended meanwhile.
                Err(MonitorClientError::Gone(_)) => Ok(()),
                other => other.map_err(classify),
            },
            None => Ok(()),
        }
    }

    /// Connects it now. The address to which its ports lead from now on, if that has changed.
    fn connect_running(
        &self,
        file: &mut NetworksFile,
        network: &Network,
        record: &ContainerRecord,
        config: &EndpointConfig,
        process: Pid,
    ) -> Result<Option<ContainerAddresses>, HostError> {
        let number = free_device(&file.state, &record.id);
        let mut place = new_place(file, self, &network.id, record, config, number)?;
        let has_way_out =
            places_of(&file.state, &record.id).any(|(_, place)| place.endpoint.default_route);
        place.endpoint.default_route = !has_way_out && !network.internal;
        if place.endpoint.default_route
            && let Some(ports) = file.state.parked_ports.remove(&record.id)
        {
            place.ports = ports;
        }
        let id = network.id.clone();
        let network = file.network(&id)?;
        let bridge = network.bridge.clone().ok_or("the network has no bridge")?;
        bridge.ensure(&Firewall::find())?;
        // Written down first: what is half done when this process dies is taken back with the container.
        network.places.insert(record.id.clone(), place.clone());
        file.save()?;
        let namespace =
            NetworkNamespace::of_process(process.as_raw_nonzero().get().unsigned_abs())?;
        if let Err(error) = bridge.connect(&place.endpoint, &namespace) {
            file.network(&id)?.places.remove(&record.id);
            file.park(&record.id, place.ports);
            file.save()?;
            return Err(error.into());
        }
        Firewall::find().publish(&bridge, &place.published())?;
        let folder = self.container_folder(&record.id);
        add_own_host(record, &folder, place.endpoint.address.into())?;
        if let Some(address) = place.endpoint.ipv6_address {
            add_own_host(record, &folder, address.into())?;
        }
        if !place.names.is_empty() && file.state.name_servers.insert(record.id.clone()) {
            file.save()?;
            use_name_server(record, &folder)?;
            self.server_order(record).start(process)?;
        }
        Ok((!place.ports.is_empty()).then_some(place.addresses()))
    }

    /// Disconnects a container from a network: at once if it runs. With `force` it does not matter whether the network is there.
    pub fn disconnect_network(
        &self,
        network: &str,
        container: &str,
        force: bool,
    ) -> Result<(), EngineError> {
        let (_lock, container) = self.locked_container(container)?;
        let Container { mut record, state } = container;
        let mut file = self.networks_file()?;
        let text = network;
        let network = match found(&file.state, text) {
            Err(error) if force && error.kind() == ErrorKind::NotFound => None,
            other => Some(other?.clone()),
        };
        let name = network
            .as_ref()
            .map_or(text, |network| &network.name)
            .to_owned();
        let mut endpoints = record.endpoints();
        if let Some(network) = &network
            && network.name == "host"
            && record.network_name() == "host"
        {
            let text = "cannot disconnect container from host network - container was created in host network mode";
            return Err(failure(ErrorKind::Invalid, text));
        }
        if endpoints.remove(&name).is_none() {
            let text = format!(
                "container {} is not connected to {}network {name}",
                record.id,
                if state.status.is_alive() { "" } else { "the " }
            );
            return Err(failure(ErrorKind::Denied, text));
        }
        record.networks = Some(endpoints);
        let mut led = None;
        if let Some(network) = &network {
            let process = state.process.and_then(Pid::from_raw);
            let process = process.filter(|_| state.status.is_alive());
            let gone = disconnect_place(&mut file, network, &record, process);
            led = gone.map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        }
        let folder = self.container_folder(&record.id);
        folder.write(RECORD_FILE, &record).map_err(classify)?;
        drop(file);
        self.lead_ports(&record, led)
    }

    /// A container that is called otherwise is found by its new name.
    pub(in crate::containers) fn rename_in_networks(
        &self,
        record: &ContainerRecord,
        old: &str,
    ) -> Result<(), EngineError> {
        if !super::file::path(self).exists() {
            return Ok(());
        }
        let mut file = self.networks_file()?;
        for network in file.state.networks.values_mut() {
            let Some(place) = network.places.get_mut(&record.id) else {
                continue;
            };
            place.container.clone_from(&record.name);
            for name in place.names.iter_mut().filter(|name| *name == old) {
                name.clone_from(&record.name);
            }
        }
        file.save()
            .map_err(|error| EngineError::new(ErrorKind::Internal, error))
    }
}

fn places_of<'a>(
    networks: &'a Networks,
    id: &'a str,
) -> impl Iterator<Item = (&'a Network, &'a super::file::NetworkPlace)> {
    let all = networks.networks.values();
    all.filter_map(move |network| Some((network, network.places.get(id)?)))
}

/// The lowest number that no device of the container has.
fn free_device(networks: &Networks, id: &str) -> usize {
    let used: Vec<&str> = places_of(networks, id)
        .map(|(_, place)| place.endpoint.device.as_str())
        .collect();
    let mut numbers = 0..=used.len();
    let free = numbers.find(|number| !used.contains(&format!("eth{number}").as_str()));
    free.unwrap_or(used.len())
}

/// Takes a place back while the container runs; another network that leads out becomes its way out, with its ports. The address to
/// which those lead from now on.
fn disconnect_place(
    file: &mut NetworksFile,
    network: &Network,
    record: &ContainerRecord,
    process: Option<Pid>,
) -> Result<Option<ContainerAddresses>, HostError> {
    let firewall = Firewall::find();
    let (Some(bridge), Some(place)) = (&network.bridge, network.places.get(&record.id)) else {
        return Ok(None);
    };
    place.undo(bridge, &firewall)?;
    file.network(&network.id)?.places.remove(&record.id);
    let Some(process) = process.filter(|_| place.endpoint.default_route) else {
        file.save()?;
        return Ok(None);
    };
    let other = places_of(&file.state, &record.id)
        .filter(|(network, _)| !network.internal)
        .map(|(network, _)| (network.name.clone(), network.id.clone()))
        .min();
    let Some((_, id)) = other else {
        file.park(&record.id, place.ports.clone());
        file.save()?;
        return Ok(None);
    };
    let number = process.as_raw_nonzero().get().unsigned_abs();
    let namespace = NetworkNamespace::of_process(number)?;
    let network = file.network(&id)?;
    let bridge = network.bridge.clone().ok_or("the network has no bridge")?;
    let known = network.places.get_mut(&record.id);
    let next = known.ok_or("the container has no place in the network")?;
    next.endpoint.default_route = true;
    next.ports.clone_from(&place.ports);
    let next = next.clone();
    // Written down first, as every place is.
    file.save()?;
    bridge.lead_out(&next.endpoint, &namespace)?;
    firewall.publish(&bridge, &next.published())?;
    Ok((!next.ports.is_empty()).then_some(next.addresses()))
}

/// Which networks cannot be joined later, in Docker's words.
fn refuse_shared(record: &ContainerRecord, network: &Network) -> Result<(), EngineError> {
    let mode = record.host_config.network_mode.as_str();
    let text = if network.name == "host" {
        "cannot connect container to host network - container must be created in host network mode"
    } else if mode == "host" || mode.starts_with("container:") {
        "container sharing network namespace with another container or host cannot be connected to any other network"
    } else if network.name == "none" || record.endpoints().contains_key("none") {
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    } else {
        return Ok(());
    };
    Err(failure(ErrorKind::Invalid, text))
}

/// Checks what is asked of a place (moby, `validateEndpointSettings`).
fn check(
    name: &str,
    network: Option<&Network>,
    config: &EndpointConfig,
) -> Result<(), EngineError> {
    let mut wrong: Vec<String> = Vec::new();
    let asked = config.ipv4_address.as_str();
    let asked_ipv6 = config.ipv6_address.as_str();
    if is_predefined(name) {
        if !asked.is_empty() || !asked_ipv6.is_empty() {
            let text = "user specified IP address is supported on user defined networks only";
            wrong.push(text.to_owned());
        }
        if !config.aliases.is_empty() {
            let text =
                "network-scoped alias is supported only for containers in user defined networks";
            wrong.push(text.to_owned());
        }
    }
    if !asked.is_empty() {
        let subnet = network
            .filter(|network| network.subnet_chosen)
            .and_then(|network| network.bridge.as_ref())
            .map(|bridge| bridge.subnet);
        match (asked.parse::<Ipv4Addr>(), subnet) {
            (Err(_), _) => wrong.push(format!("invalid IPv4 address: {asked}")),
            (Ok(address), Some(subnet)) if !subnet.contains(&address) => wrong.push(format!(
                "no configured subnet or ip-range contain the IP address {asked}"
            )),
            (Ok(_), None) if !is_predefined(name) => wrong.push(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
                    .to_owned(),
            ),
            _ => (),
        }
    }
    if !asked_ipv6.is_empty() {
        wrong.extend(wrong_ipv6(name, network, asked_ipv6));
    }
    let hardware = config.mac_address.as_str();
    if !hardware.is_empty() && parse_hardware_address(hardware).is_none() {
        wrong.push(format!("invalid MAC address {hardware}"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let text = format!("invalid endpoint settings:\n{}", wrong.join("\n"));
    Err(failure(ErrorKind::Invalid, text))
}

fn wrong_ipv6(name: &str, network: Option<&Network>, asked: &str) -> Option<String> {
    let side = network
        .filter(|network| network.ipv6_subnet_chosen)
        .and_then(|network| network.bridge.as_ref()?.ipv6.as_ref());
    match (asked.parse::<Ipv6Addr>(), side) {
        (Err(_), _) => Some(format!("invalid IPv6 address: {asked}")),
        (Ok(address), Some(side)) if !side.subnet.contains(&address) => Some(format!(
            "no configured subnet or ip-range contain the IP address {asked}"
        )),
        (Ok(_), None) if !is_predefined(name) => Some(
            "user specified IP address is supported only when connecting to networks with user configured subnets"
                .to_owned(),
        ),
        _ => None,
    }
}

/// Six pairs of hexadecimal digits, with colons or dashes between them.
pub(super) fn parse_hardware_address(text: &str) -> Option<[u8; 6]> {
    let mut address = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut address {
        let part = parts.next().filter(|part| part.len() == 2)?;
        *byte = u8::from_str_radix(part, 16).ok()?;
    }
    parts.next().is_none().then_some(address)
}
