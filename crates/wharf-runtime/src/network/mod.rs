//! Networks of containers: bridges with addresses, rules and published ports as root, and what an ordinary user can have.
//!
//! What is allocated is the caller's to remember: addresses, subnets and ports come in as values and go out as values.

mod addresses;
mod bridge;
mod files;
mod firewall;
mod ipv6;
mod names;
mod namespace;
mod netlink;
mod ports;
mod program;
mod proxy;
mod publish;
#[cfg(test)]
mod tests;
mod user;

pub use addresses::{
    AddressError, check_address, choose_address, choose_subnet, default_pools, gateway_of,
    hardware_address, hardware_address_text,
};
pub use bridge::{
    BridgeNetwork, DEFAULT_BRIDGE, DEFAULT_MTU, Endpoint, NetworkError, bridge_device, host_device,
    routed_networks,
};
pub use files::{
    DnsOptions, ExtraAddress, ExtraHost, NameError, RESOLVED_FILE, asks_resolved, check_dns_search,
    hostname, hosts, hosts_of_host, parse_add_host, parse_dns_server, resolv_conf,
};
pub use firewall::{Firewall, FirewallError, PublishedPort};
pub use ipv6::{Ipv6Side, unique_local_subnet};
pub use names::{KnownName, NAME_SERVER, NameServer, NameServerThread, start_name_server};
pub use namespace::NetworkNamespace;
pub use ports::{PortBinding, PortError, PortProtocol, bracketed, parse_exposed, parse_publish};
pub use program::ProgramError;
pub use proxy::{ContainerAddresses, PortProxy, ProxyProcess};
pub use publish::{HeldPort, PublishError, TakenPort, take_ports};
pub use user::{UserNetwork, UserNetworkError, UserNetworkTool};
