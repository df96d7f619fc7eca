//! Bridge networks: the device on the host, and the cable to each container.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::addresses::hardware_address;
use super::firewall::{Firewall, FirewallError};
use super::ipv6::Ipv6Side;
use super::namespace::NetworkNamespace;
use super::netlink::{Link, Netlink, VethPair};

/// A bridge network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BridgeNetwork {
    /// The device: [`DEFAULT_BRIDGE`], or [`bridge_device`] of a network that somebody made.
    pub device: String,
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// The host's address in it, through which containers reach the world.
    pub gateway: Ipv4Addr,
    /// The largest packet, bytes.
    pub mtu: u32,
    /// `--internal`: no way out, and none in.
    pub internal: bool,
    /// Its IPv6 addresses, if it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Side>,
}

/// The place of a container in a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The cable's end on the host: [`host_device`].
    pub host_device: String,
    /// Its end in the container: `eth0`, `eth1`...
    pub device: String,
    /// The container's address.
    pub address: Ipv4Addr,
    /// The container's IPv6 address, where the network has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<Ipv6Addr>,
    /// Whether the world is reached through this network.
    pub default_route: bool,
    /// The hardware address, if it does not follow from the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hardware_address: Option<[u8; 6]>,
}

impl Endpoint {
    /// Its hardware address.
    pub fn hardware(&self) -> [u8; 6] {
        self.hardware_address
            .unwrap_or_else(|| hardware_address(self.address))
    }
}

/// What went wrong with a network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused.
    #[error("cannot {action} {device}: {source}")]
    Kernel {
        /// `make the bridge`...
        action: &'static str,
        /// Which device.
        device: String,
        /// Why.
        source: io::Error,
    },
    /// The rules could not be set.
    #[error(transparent)]
    Firewall(#[from] FirewallError),
}

/// The device of the network `bridge`.
pub const DEFAULT_BRIDGE: &str = "wharf0";

/// Docker's default.
pub const DEFAULT_MTU: u32 = 1500;

/// The device of a network that somebody made, by its id: 15 letters, which is as long as the kernel takes.
pub fn bridge_device(network_id: &str) -> String {
    format!("wb-{}", network_id.chars().take(12).collect::<String>())
}

/// The host's end of a container's cable, by the id of its endpoint.
pub fn host_device(endpoint_id: &str) -> String {
    format!("veth{}", endpoint_id.chars().take(7).collect::<String>())
}

/// What this host has IPv4 routes for: a new network must not collide with it.
pub fn routed_networks() -> io::Result<Vec<Ipv4Net>> {
    Netlink::open()?.routes()
}

impl BridgeNetwork {
    /// Makes the bridge if it is not there, with its address, the rules that let packets through, and `ip_forward`. Safe to be done
    /// before each container; costs three messages to the kernel if all is there. What is for people to know is returned.
    pub fn ensure(&self, firewall: &Firewall) -> Result<Vec<String>, NetworkError> {
        let mut netlink = self.opened()?;
        let known = self.found(&mut netlink)?;
        let bridge = match known {
            Some(bridge) => bridge,
            None => self.make(&mut netlink)?,
        };
        let failure = |action| move |source| self.failure(action, source);
        netlink
            .add_address(bridge, self.gateway, self.subnet)
            .map_err(failure("give an address to"))?;
        if let Some(side) = &self.ipv6 {
            switch_ipv6(&self.device, true);
            netlink
                .add_ipv6_address(bridge, side.gateway, side.subnet)
                .map_err(failure("give an IPv6 address to"))?;
        }
        netlink.set_up(bridge).map_err(failure("switch on"))?;
        if known.is_some() {
            return Ok(Vec::new());
        }
        let mut warnings = Vec::new();
        if !self.internal
            && let Err(error) = enable_forwarding(IPV4_FORWARDING)
        {
            warnings.push(format!(
                "IPv4 forwarding is disabled, and cannot be enabled: {error}. Networking will not work."
            ));
        }
        if !self.internal
            && self.ipv6.is_some()
            && let Err(error) = enable_ipv6_forwarding()
        {
            warnings.push(format!(
                "IPv6 forwarding is disabled, and cannot be enabled: {error}. IPv6 will not lead out."
            ));
        }
        warnings.extend(firewall.add_network(self)?);
        Ok(warnings)
    }

    /// Removes the bridge and its rules.
    pub fn remove(&self, firewall: &Firewall) -> Result<(), NetworkError> {
        let mut netlink = self.opened()?;
        if let Some(bridge) = self.found(&mut netlink)? {
            let removed = netlink.remove_link(bridge);
            removed.map_err(|source| self.failure("remove the bridge", source))?;
        }
        firewall.remove_network(self)?;
        Ok(())
    }

    /// Connects a container: the cable, its name, addresses and routes there, and the container's loopback.
    pub fn connect(
        &self,
        endpoint: &Endpoint,
        namespace: &NetworkNamespace,
    ) -> Result<(), NetworkError> {
        let mut netlink = self.opened()?;
        let bridge = self.found(&mut netlink)?.ok_or_else(|| {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            self.failure("connect a container to the bridge", missing)
        })?;
        // One that was left of a container that was killed.
        disconnect_with(&mut netlink, &endpoint.host_device)?;
        let pair = VethPair {
            name: &endpoint.host_device,
            bridge,
            mtu: self.mtu,
            namespace: std::os::fd::AsFd::as_fd(namespace),
            name_inside: &endpoint.device,
            hardware_address: endpoint.hardware(),
        };
        let made = netlink.add_veth(&pair);
        made.map_err(|source| kernel("make the cable", &endpoint.host_device, source))?;
        if let Ok(Some(port)) = netlink.link(&endpoint.host_device) {
            // A kernel that cannot do it lets a container miss its own published ports, and nothing else.
            drop(netlink.set_hairpin(port));
        }
        let inside = namespace.inside(|| self.set_up_inside(endpoint));
        if let Err(source) = inside {
            disconnect_with(&mut netlink, &endpoint.host_device)?;
            return Err(kernel("set up in the container", &endpoint.device, source));
        }
        Ok(())
    }

    /// Disconnects a container that runs on. With a container's namespace its cables go by themselves.
    pub fn disconnect(&self, endpoint: &Endpoint) -> Result<(), NetworkError> {
        disconnect_with(&mut self.opened()?, &endpoint.host_device)
    }

    /// Lets a container that runs, and is connected, reach the world through this network.
    pub fn lead_out(
        &self,
        endpoint: &Endpoint,
        namespace: &NetworkNamespace,
    ) -> Result<(), NetworkError> {
        let lead = || -> io::Result<()> {
            let mut netlink = Netlink::open()?;
            match netlink.link(&endpoint.device)? {
                Some(device) => self.route_out(&mut netlink, device),
                None => Err(io::ErrorKind::NotFound.into()),
            }
        };
        match namespace.inside(lead) {
            // There is a way already.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other
                .map_err(|source| kernel("lead out of the container by", &endpoint.device, source)),
        }
    }

    fn set_up_inside(&self, endpoint: &Endpoint) -> io::Result<()> {
        let mut netlink = Netlink::open()?;
        if let Some(loopback) = netlink.link("lo")? {
            netlink.set_up(loopback)?;
        }
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let device = netlink.link(&endpoint.device)?.ok_or_else(missing)?;
        // A network of IPv4 alone has no IPv6 on its devices, as in Docker.
        believe_no_routers(&endpoint.device);
        switch_ipv6(&endpoint.device, endpoint.ipv6_address.is_some());
        netlink.add_address(device, endpoint.address, self.subnet)?;
        if let (Some(address), Some(side)) = (endpoint.ipv6_address, &self.ipv6) {
            netlink.add_ipv6_address(device, address, side.subnet)?;
        }
        netlink.set_up(device)?;
        if endpoint.default_route && !self.internal {
            self.route_out(&mut netlink, device)?;
        }
        Ok(())
    }

    fn route_out(&self, netlink: &mut Netlink, device: Link) -> io::Result<()> {
        netlink.add_default_route(device, self.gateway)?;
        match &self.ipv6 {
            Some(side) => netlink.add_ipv6_default_route(device, side.gateway),
            None => Ok(()),
        }
    }

    fn make(&self, netlink: &mut Netlink) -> Result<Link, NetworkError> {
        let made = netlink.add_bridge(&self.device, self.mtu, hardware_address(self.gateway));
        match made {
            Ok(()) => {}
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(self.failure("make the bridge", source)),
        }
        believe_no_routers(&self.device);
        self.found(netlink)?.ok_or_else(|| {
            self.failure("find the bridge", io::Error::from(io::ErrorKind::NotFound))
        })
    }

    fn found(&self, netlink: &mut Netlink) -> Result<Option<Link>, NetworkError> {
        let found = netlink.link(&self.device);
        found.map_err(|source| self.failure("look for the bridge", source))
    }

    fn opened(&self) -> Result<Netlink, NetworkError> {
        Netlink::open().map_err(|source| self.failure("ask the kernel about", source))
    }

    fn failure(&self, action: &'static str, source: io::Error) -> NetworkError {
        kernel(action, &self.device, source)
    }
}

fn disconnect_with(netlink: &mut Netlink, device: &str) -> Result<(), NetworkError> {
    let removed = match netlink.link(device) {
        Ok(None) => return Ok(()),
        Ok(Some(cable)) => netlink.remove_link(cable),
        Err(error) => Err(error),
    };
    removed.map_err(|source| kernel("remove the cable", device, source))
}

fn kernel(action: &'static str, device: &str, source: io::Error) -> NetworkError {
    NetworkError::Kernel {
        action,
        device: device.to_owned(),
        source,
    }
}

const IPV4_FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";
const IPV6_FORWARDING: &str = "/proc/sys/net/ipv6/conf/all/forwarding";

/// Lets the host pass packets on.
fn enable_forwarding(file: &str) -> io::Result<()> {
    if std::fs::read_to_string(file)?.trim() == "1" {
        return Ok(());
    }
    set(file, "1")
}

/// The same for IPv6. A host that forwards would learn no way from routers any more (`accept_ra`, ip-sysctl): its devices go on.
fn enable_ipv6_forwarding() -> io::Result<()> {
    if std::fs::read_to_string(IPV6_FORWARDING)?.trim() != "1" {
        for device in std::fs::read_dir("/proc/sys/net/ipv6/conf")?.flatten() {
            let file = device.path().join("accept_ra");
            if std::fs::read_to_string(&file).is_ok_and(|text| text.trim() == "1") {
                drop(set(&file.to_string_lossy(), "2"));
            }
        }
    }
    enable_forwarding(IPV6_FORWARDING)
}

/// Takes no way from whoever says to be a router: containers must not (CVE-2020-13401).
fn believe_no_routers(device: &str) {
    drop(set(
        &format!("/proc/sys/net/ipv6/conf/{device}/accept_ra"),
        "0",
    ));
}

/// Whether a device has IPv6. A kernel without it has no such file, and refuses addresses.
fn switch_ipv6(device: &str, on: bool) {
    drop(set(
        &format!("/proc/sys/net/ipv6/conf/{device}/disable_ipv6"),
        if on { "0" } else { "1" },
    ));
}

/// Sets a variable of the kernel, of this thread's namespace.
fn set(file: &str, value: &str) -> io::Result<()> {
    let mut opened = std::fs::OpenOptions::new().write(true).open(file)?;
    io::Write::write_all(&mut opened, value.as_bytes())
}
