//! Rules for packets: out through the host's address, in to published ports, and not from one network to another.
//!
//! Made by `nft` in a table of its own, where bridges, subnets and ports are elements of sets, so that one more container is one more
//! element and nobody has to look for a rule again; by `iptables` in chains of its own where there is no nft.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::nftables::Verb;
use super::{iptables, nftables};
use crate::network::bridge::BridgeNetwork;
use crate::network::netlink::forget_udp;
use crate::network::ports::PortProtocol;
use crate::network::program::{self, ProgramError};

/// The rules of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firewall {
    /// The table's name, and the beginning of chains'.
    name: String,
    tool: Tool,
    /// iptables, where nft has the rules: somebody may have forbidden there what is allowed here.
    beside: Option<PathBuf>,
}

/// By which program.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tool {
    Nftables(PathBuf),
    Iptables(PathBuf),
    Absent,
}

/// A port of the host whose packets go to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The host's address; unspecified: all of them.
    pub host_ip: IpAddr,
    /// The host's port.
    pub host_port: u16,
    /// The container's address and port, of the same kind.
    pub container: SocketAddr,
    /// Which kind.
    pub protocol: PortProtocol,
}

/// Rules that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot change the rules of network {device}: {source}")]
pub struct FirewallError {
    /// The bridge or container that they were for.
    device: String,
    /// Why.
    source: ProgramError,
}

/// Programs change rules in milliseconds; they wait for each other.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

const ABSENT: &str = "neither nft nor iptables is installed: containers of bridge networks reach the host only, and published ports are served by a proxy alone. Install nftables.";

const WITHOUT_IPV6: &str = "nft is not installed: IPv6 does not lead out of the network, and published IPv6 addresses are served by a proxy alone. Install nftables.";

impl Firewall {
    /// What this machine has.
    pub fn find() -> Self {
        Self::named("wharf")
    }

    /// The same under another name, beside the first: for tests.
    pub fn named(name: &str) -> Self {
        let (nft, iptables) = (program::find("nft"), program::find("iptables"));
        let (tool, beside) = match (nft, iptables) {
            (Some(nft), iptables) => (Tool::Nftables(nft), iptables),
            (None, Some(iptables)) => (Tool::Iptables(iptables), None),
            (None, None) => (Tool::Absent, None),
        };
        Self {
            name: name.to_owned(),
            tool,
            beside,
        }
    }

    /// Without nft, as a machine would have it that lacks it: for tests.
    #[must_use]
    pub fn without_nftables(mut self) -> Self {
        let iptables = program::find("iptables");
        self.tool = iptables.map_or(Tool::Absent, Tool::Iptables);
        self.beside = None;
        self
    }

    /// Whether packets to published ports are led to containers; otherwise a proxy has to do it for all clients.
    pub fn publishes(&self) -> bool {
        self.tool != Tool::Absent
    }

    /// Lets a network's packets through. What is for people to know is returned.
    pub(in crate::network) fn add_network(
        &self,
        network: &BridgeNetwork,
    ) -> Result<Vec<String>, FirewallError> {
        let mut warnings = Vec::new();
        let done = match &self.tool {
            Tool::Nftables(nft) => {
                let script = nftables::tables(&self.name, network)
                    + &nftables::network(Verb::Add, &self.name, network);
                run_nft(nft, &script)
            }
            Tool::Iptables(iptables) => {
                if network.ipv6.is_some() && !network.internal {
                    warnings.push(WITHOUT_IPV6.to_owned());
                }
                iptables::add_network(iptables, &self.name, network)
            }
            Tool::Absent => {
                if !network.internal {
                    warnings.push(ABSENT.to_owned());
                }
                Ok(())
            }
        };
        done.map_err(for_device(&network.device))?;
        for iptables in self.beside(network) {
            iptables::accept_forward(&iptables, network).map_err(for_device(&network.device))?;
        }
        Ok(warnings)
    }

    pub(in crate::network) fn remove_network(
        &self,
        network: &BridgeNetwork,
    ) -> Result<(), FirewallError> {
        let done = match &self.tool {
            Tool::Nftables(nft) => {
                let script = nftables::network(Verb::Delete, &self.name, network);
                ignore_missing(run_nft(nft, &script))
            }
            Tool::Iptables(iptables) => iptables::remove_network(iptables, &self.name, network),
            Tool::Absent => Ok(()),
        };
        done.map_err(for_device(&network.device))?;
        for iptables in self.beside(network) {
            iptables::forget_forward(&iptables, network).map_err(for_device(&network.device))?;
        }
        Ok(())
    }

    /// Who else decides about a network's packets.
    fn beside(&self, network: &BridgeNetwork) -> Vec<PathBuf> {
        let Some(iptables) = &self.beside else {
            return Vec::new();
        };
        let ipv6 = network.ipv6.as_ref();
        let ipv6 = ipv6.and_then(|_| program::find("ip6tables"));
        std::iter::once(iptables.clone()).chain(ipv6).collect()
    }

    /// Leads packets for these ports to containers of `network`. All or none.
    pub fn publish(
        &self,
        network: &BridgeNetwork,
        ports: &[PublishedPort],
    ) -> Result<(), FirewallError> {
        if ports.is_empty() {
            return Ok(());
        }
        let done = match &self.tool {
            Tool::Nftables(nft) => {
                let elements = nftables::ports(Verb::Add, &self.name, ports);
                let added = run_nft(nft, &elements);
                if said(&added, MISSING) {
                    // Somebody flushed all rules: the table comes back with this network.
                    let tables = nftables::tables(&self.name, network);
                    let network = nftables::network(Verb::Add, &self.name, network);
                    run_nft(nft, &(tables + &network + &elements))
                } else if said(&added, TAKEN) {
                    // Who has the port now holds it: others of that port are left of a dead container, of another store perhaps.
                    for port in ports {
                        let stale = nftables::forgotten(&self.name, port);
                        ignore_missing(run_nft(nft, &stale))
                            .map_err(for_device(&network.device))?;
                    }
                    run_nft(nft, &elements)
                } else {
                    added
                }
            }
            Tool::Iptables(iptables) => iptables::publish(iptables, &self.name, &of_ipv4(ports)),
            Tool::Absent => Ok(()),
        };
        forget_conversations(ports);
        done.map_err(for_device(&network.device))
    }

    /// Forgets ports. Safe for those that are not published.
    pub fn unpublish(
        &self,
        network: &BridgeNetwork,
        ports: &[PublishedPort],
    ) -> Result<(), FirewallError> {
        if ports.is_empty() {
            return Ok(());
        }
        let done = match &self.tool {
            Tool::Nftables(nft) => {
                let script = nftables::ports(Verb::Delete, &self.name, ports);
                let removed = ignore_missing(run_nft(nft, &script));
                if said(&removed, TAKEN) {
                    // One of them is somebody else's by now: each by itself.
                    let one = |port: &PublishedPort| {
                        let script = nftables::ports(Verb::Delete, &self.name, &[*port]);
                        let removed = ignore_missing(run_nft(nft, &script));
                        if said(&removed, TAKEN) {
                            Ok(())
                        } else {
                            removed
                        }
                    };
                    ports.iter().try_for_each(one)
                } else {
                    removed
                }
            }
            Tool::Iptables(iptables) => iptables::unpublish(iptables, &self.name, &of_ipv4(ports)),
            Tool::Absent => Ok(()),
        };
        forget_conversations(ports);
        done.map_err(for_device(&network.device))
    }

    /// Removes everything that was made under this name, networks and ports included.
    pub fn remove_all(&self) -> Result<(), FirewallError> {
        let done = match &self.tool {
            Tool::Nftables(nft) => {
                let table = |ip| format!("add table {ip} {0}\ndelete table {ip} {0}\n", self.name);
                run_nft(nft, &(table("ip") + &table("ip6")))
            }
            Tool::Iptables(iptables) => iptables::remove_all(iptables, &self.name),
            Tool::Absent => Ok(()),
        };
        done.map_err(for_device("all"))
    }
}

/// Those that iptables leads to containers; the others are the proxy's.
fn of_ipv4(ports: &[PublishedPort]) -> Vec<PublishedPort> {
    let of_ipv4 = ports.iter().filter(|port| port.container.is_ipv4());
    of_ipv4.copied().collect()
}

/// Clients of UDP ports begin anew, with whoever has the port now. A kernel that cannot be asked forgets by itself, later.
fn forget_conversations(ports: &[PublishedPort]) {
    let udp = ports
        .iter()
        .filter(|port| port.protocol == PortProtocol::Udp);
    let udp: Vec<_> = udp
        .filter_map(|port| match port.host_ip {
            IpAddr::V4(host_ip) => Some((host_ip, port.host_port)),
            IpAddr::V6(_) => None,
        })
        .collect();
    if !udp.is_empty() {
        drop(forget_udp(&udp));
    }
}

fn run_nft(nft: &Path, script: &str) -> Result<(), ProgramError> {
    program::run(nft, &["-f", "-"], script, LIMIT).map(drop)
}

fn for_device(device: &str) -> impl FnOnce(ProgramError) -> FirewallError {
    let device = device.to_owned();
    move |source| FirewallError { device, source }
}

/// nft's words where there is no such table or element, and where there is another one.
const MISSING: &str = "No such file";
const TAKEN: &str = "File exists";

/// Whether the program failed with these words.
fn said(result: &Result<(), ProgramError>, words: &str) -> bool {
    matches!(result, Err(ProgramError::Failed { said, .. }) if said.contains(words))
}

/// What is to be removed and is not there is removed.
fn ignore_missing(result: Result<(), ProgramError>) -> Result<(), ProgramError> {
    if said(&result, MISSING) {
        return Ok(());
    }
    result
}
