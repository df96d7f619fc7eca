//! Networks that somebody makes.

use std::collections::BTreeMap;
use std::path::Path;

use ipnet::Ipv4Net;
use wharf_runtime::HostError;
use wharf_runtime::network::{
    BridgeNetwork, DEFAULT_BRIDGE, DEFAULT_MTU, Firewall, Ipv6Side, bridge_device, choose_subnet,
    default_pools, gateway_of, routed_networks, unique_local_subnet,
};
use wharf_transfer::ErrorKind;

use super::addresses::Addresses;
use super::file::{Network, Networks, NetworksFile, is_predefined};
use crate::containers::names::new_id;
use crate::containers::record::short;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// The store that is the machine's own: its bridge has the name that people know.
const MACHINE_ROOT: &str = "/var/lib/wharf";
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
const MTU: &str = "com.docker.network.driver.mtu";
/// The longest name of a device, bytes.
const DEVICE_LIMIT_BYTES: usize = 15;
/// The smallest packets that IPv4 must carry, and the largest there are.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 68..=65_535;

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct NetworkRequest {
    /// Its name.
    pub name: String,
    /// `bridge`, or nothing.
    pub driver: String,
    /// Whether it has IPv6 addresses too.
    pub ipv6: bool,
    /// Its addresses, as `10.1.0.0/16`, at most once of each kind; chosen if nobody says them.
    pub subnets: Vec<String>,
    /// The part of them that containers get, of each kind.
    pub ip_ranges: Vec<String>,
    /// The machine's address there, of each kind.
    pub gateways: Vec<String>,
    /// Addresses that nobody gets.
    pub auxiliary: BTreeMap<String, String>,
    /// Whether it leads nowhere.
    pub internal: bool,
    /// Remembered, and without effect.
    pub attachable: bool,
    /// Of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a network: its ID.
    pub fn create_network(&self, request: &NetworkRequest) -> Result<String, EngineError> {
        let name = &request.name;
        let refused = |kind, text: String| Err(failure(kind, text));
        if is_predefined(name) {
            let text = format!("operation is not permitted on predefined {name} network ");
            return refused(ErrorKind::Denied, text);
        }
        if name.trim().is_empty() {
            return refused(
                ErrorKind::Invalid,
                "invalid network name: name is empty".to_owned(),
            );
        }
        if !matches!(request.driver.as_str(), "" | "bridge") {
            let driver = &request.driver;
            let text = format!(
                "could not find plugin {driver} in v1 plugin registry: plugin {driver:?} not found"
            );
            return refused(ErrorKind::NotFound, text);
        }
        let addresses = Addresses::parse(request)?;
        if self.settings().caller.is_some() {
            let text = format!(
                "cannot make the network {name}: only root can make bridges. Let containers share one network with `--network container:NAME`, or run wharf as root"
            );
            return refused(ErrorKind::Denied, text);
        }
        let mut file = self.networks_file()?;
        if file
            .state
            .networks
            .values()
            .any(|other| other.name == *name)
        {
            let text = format!("network with name {name} already exists");
            return refused(ErrorKind::Conflict, text);
        }
        let id = new_id().map_err(classify)?;
        file.choose_alone();
        let bridge = bridge(request, &id, &addresses, &file.state)?;
        let firewall = Firewall::find();
        bridge
            .ensure(&firewall)
            .map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        let network = Network {
            id: id.clone(),
            name: name.clone(),
            created: self.settings().clock.now(),
            driver: "bridge".to_owned(),
            bridge: Some(bridge.clone()),
            subnet_chosen: addresses.subnet.is_some(),
            ip_range: addresses.range,
            auxiliary: addresses.auxiliary,
            ipv6_subnet_chosen: addresses.ipv6_subnet.is_some(),
            internal: request.internal,
            attachable: request.attachable,
            options: request.options.clone(),
            labels: request.labels.clone(),
            places: BTreeMap::new(),
        };
        file.state.networks.insert(id.clone(), network);
        if let Err(error) = file.save() {
            // Nothing is there that nobody knows of.
            if let Err(second) = bridge.remove(&firewall) {
                tracing::warn!(error = %second, "the bridge of a network that could not be made cannot be removed");
            }
            return Err(EngineError::new(ErrorKind::Internal, error));
        }
        Ok(id)
    }

    /// All networks, sorted by name.
    pub fn networks(&self) -> Result<Vec<Network>, EngineError> {
        let file = self.networks_file()?;
        let mut networks: Vec<Network> = file.state.networks.values().cloned().collect();
        networks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(networks)
    }

    /// The network that `text` means: its name, its ID, or the start of that. A whole ID wins over a name (Docker's order).
    pub fn network(&self, text: &str) -> Result<Network, EngineError> {
        // Who only asks for something else makes nothing.
        if !is_predefined(text) && !super::file::path(self).exists() {
            let text = format!("network {text} not found");
            return Err(failure(ErrorKind::NotFound, text));
        }
        found(&self.networks_file()?.state, text).cloned()
    }

    /// Removes a network that no container that runs is in. Its name.
    pub fn remove_network(&self, text: &str) -> Result<String, EngineError> {
        let mut file = self.networks_file()?;
        let network = found(&file.state, text)?.clone();
        let name = &network.name;
        if network.is_predefined() {
            let text = format!("{name} is a pre-defined network and cannot be removed");
            return Err(failure(ErrorKind::Denied, text));
        }
        if !network.places.is_empty() {
            let of_place = |place: &super::file::NetworkPlace| {
                format!("name:{:?} id:{:?}", place.container, short(&place.id))
            };
            let places: Vec<String> = network.places.values().map(of_place).collect();
            let text = format!(
                "error while removing network: network {name} has active endpoints ({})",
                places.join(", ")
            );
            return Err(failure(ErrorKind::Denied, text));
        }
        if let Some(bridge) = &network.bridge {
            let removed = bridge.remove(&Firewall::find());
            removed.map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        }
        file.state.networks.remove(&network.id);
        let saved = file.save();
        saved.map_err(|error| EngineError::new(ErrorKind::Internal, error))?;
        Ok(network.name)
    }

    /// Removes all networks that somebody made, that no container that runs is in and that `wanted` accepts: their names.
    pub fn prune_networks(
        &self,
        wanted: impl Fn(&Network) -> bool,
    ) -> Result<Vec<String>, EngineError> {
        let mut removed = Vec::new();
        if !super::file::path(self).exists() {
            return Ok(removed);
        }
        for network in self.networks()? {
            if network.is_predefined() || !network.places.is_empty() || !wanted(&network) {
                continue;
            }
            match self.remove_network(&network.id) {
                // Somebody came in, or was faster.
                Err(error) if matches!(error.kind(), ErrorKind::Denied | ErrorKind::NotFound) => (),
                other => removed.push(other?),
            }
        }
        Ok(removed)
    }

    pub(super) fn networks_file(&self) -> Result<NetworksFile, EngineError> {
        NetworksFile::open(self).map_err(|error| EngineError::new(ErrorKind::Internal, error))
    }
}

/// The network that `text` means.
pub(super) fn found<'a>(networks: &'a Networks, text: &str) -> Result<&'a Network, EngineError> {
    let text = if text == "default" { "bridge" } else { text };
    let all = || networks.networks.values();
    if let Some(network) = networks.networks.get(text) {
        return Ok(network);
    }
    if let Some(network) = all().find(|network| network.name == text) {
        return Ok(network);
    }
    let mut matches = all().filter(|network| !text.is_empty() && network.id.starts_with(text));
    match (matches.next(), matches.next()) {
        (Some(network), None) => Ok(network),
        (Some(_), Some(_)) => {
            let text = format!("network {text} is ambiguous (2 matches found based on ID prefix)");
            Err(failure(ErrorKind::Invalid, text))
        }
        (None, _) => Err(failure(
            ErrorKind::NotFound,
            format!("network {text} not found"),
        )),
    }
}

/// The bridge of a new network.
fn bridge(
    request: &NetworkRequest,
    id: &str,
    addresses: &Addresses,
    state: &Networks,
) -> Result<BridgeNetwork, EngineError> {
    let invalid = |text: String| failure(ErrorKind::Invalid, text);
    let others = state.networks.values().filter_map(|network| {
        let bridge = network.bridge.as_ref()?;
        Some((network, bridge))
    });
    let device = match request.options.get(BRIDGE_NAME) {
        Some(name) => device_name(name)?,
        None => bridge_device(id),
    };
    for (other, bridge) in others.clone() {
        if bridge.device == device {
            let text = format!(
                "cannot create network {id} ({device}): conflicts with network {} ({device}): networks have same bridge name",
                other.id
            );
            return Err(failure(ErrorKind::Denied, text));
        }
    }
    let mtu = match request.options.get(MTU) {
        None => DEFAULT_MTU,
        Some(text) => text
            .parse()
            .ok()
            .filter(|mtu| MTU_RANGE.contains(mtu))
            .ok_or_else(|| invalid(format!("invalid value for {MTU}: {text:?}")))?,
    };
    let taken: Vec<Ipv4Net> = others.map(|(_, bridge)| bridge.subnet).collect();
    let subnet = match addresses.subnet {
        Some(subnet) => {
            let overlaps = |other: &Ipv4Net| other.contains(&subnet) || subnet.contains(other);
            if taken.iter().any(overlaps) {
                let text = "Pool overlaps with other one on this address space";
                return Err(failure(ErrorKind::Denied, text));
            }
            subnet
        }
        None => free_subnet(taken).map_err(|error| invalid(error.to_string()))?,
    };
    let gateway = addresses.gateway.or_else(|| gateway_of(subnet));
    Ok(BridgeNetwork {
        device,
        subnet,
        gateway: gateway.ok_or_else(|| invalid(format!("the subnet {subnet} has no addresses")))?,
        mtu,
        internal: request.internal,
        ipv6: if request.ipv6 {
            Some(ipv6_side(addresses, state)?)
        } else {
            None
        },
    })
}

fn ipv6_side(addresses: &Addresses, state: &Networks) -> Result<Ipv6Side, EngineError> {
    let subnet = if let Some(subnet) = addresses.ipv6_subnet {
        subnet
    } else {
        let id = new_id().map_err(classify)?;
        let digits = id.get(..14).unwrap_or_default();
        let number = u64::from_str_radix(digits, 16).unwrap_or_default();
        let [_, random @ ..] = number.to_be_bytes();
        unique_local_subnet(random)
    };
    let bridges = state
        .networks
        .values()
        .filter_map(|network| network.bridge.as_ref());
    let mut others = bridges.filter_map(|bridge| bridge.ipv6.as_ref());
    if others.any(|other| other.subnet.contains(&subnet) || subnet.contains(&other.subnet)) {
        let text = "Pool overlaps with other one on this address space";
        return Err(failure(ErrorKind::Denied, text));
    }
    Ok(Ipv6Side::new(
        subnet,
        addresses.ipv6_gateway,
        addresses.ipv6_range,
    ))
}

fn device_name(name: &str) -> Result<String, EngineError> {
    let fits = (1..=DEVICE_LIMIT_BYTES).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'"'))
        && !matches!(name, "." | "..");
    if fits {
        return Ok(name.to_owned());
    }
    let text = format!(
        "invalid bridge name {name:?}: a device has a name of 1 to {DEVICE_LIMIT_BYTES} letters, without spaces and slashes"
    );
    Err(failure(ErrorKind::Invalid, text))
}

/// The first subnet that neither another network nor the machine uses.
pub(super) fn free_subnet(mut taken: Vec<Ipv4Net>) -> Result<Ipv4Net, HostError> {
    taken.extend(routed_networks()?);
    Ok(choose_subnet(&default_pools(), &taken)?)
}

/// The default network's bridge, chosen where nobody needed it yet.
pub(super) fn default_bridge(
    network: &mut Network,
    taken: Vec<Ipv4Net>,
    root: &Path,
) -> Result<BridgeNetwork, HostError> {
    if let Some(bridge) = &network.bridge {
        return Ok(bridge.clone());
    }
    let subnet = free_subnet(taken)?;
    let bridge = BridgeNetwork {
        device: if is_machines(root) {
            DEFAULT_BRIDGE.to_owned()
        } else {
            bridge_device(&network.id)
        },
        subnet,
        gateway: gateway_of(subnet).ok_or("the network has no addresses")?,
        mtu: DEFAULT_MTU,
        internal: false,
        ipv6: None,
    };
    network.bridge = Some(bridge.clone());
    Ok(bridge)
}

/// Whether the store is the machine's own: stores beside it have other bridges, which go with their last container.
pub(super) fn is_machines(root: &Path) -> bool {
    root == Path::new(MACHINE_ROOT)
}
