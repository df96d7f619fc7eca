//! Links, addresses and routes.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

use ipnet::{Ipv4Net, Ipv6Net};

use super::message::{Message, attributes, number};
use super::socket::Netlink;

/// A network device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::network) struct Link {
    pub(in crate::network) index: u32,
}

/// A cable: one end here, in a bridge, the other in a namespace.
#[derive(Debug)]
pub(in crate::network) struct VethPair<'a> {
    pub(in crate::network) name: &'a str,
    pub(in crate::network) bridge: Link,
    pub(in crate::network) mtu: u32,
    pub(in crate::network) namespace: BorrowedFd<'a>,
    pub(in crate::network) name_inside: &'a str,
    pub(in crate::network) hardware_address: [u8; 6],
}

// linux/rtnetlink.h: kinds of requests
const NEW_LINK: u16 = 16;
const DELETE_LINK: u16 = 17;
const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
// linux/netlink.h: flags of requests that make something
const CREATE: u16 = 0x400;
const EXCLUSIVE: u16 = 0x200;
/// Of attributes that are made of others, where the kernel asks for it.
const NESTED: u16 = 0x8000;
// linux/if_link.h: attributes of links
const ADDRESS: u16 = 1;
const NAME: u16 = 3;
const MTU: u16 = 4;
const MASTER: u16 = 10;
const PROTOCOL_INFO: u16 = 12;
const LINK_INFO: u16 = 18;
const NAMESPACE_DESCRIPTOR: u16 = 28;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_PEER: u16 = 1;
const BRIDGE_PORT_MODE: u16 = 4;
// linux/if_addr.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
// linux/rtnetlink.h: attributes of routes
const ROUTE_DESTINATION: u16 = 1;
const ROUTE_DEVICE: u16 = 4;
const ROUTE_GATEWAY: u16 = 5;
const ROUTE_TABLE: u16 = 15;
const TABLE_MAIN: u8 = 254;
const PROTOCOL_BOOT: u8 = 3;
const TYPE_UNICAST: u8 = 1;

const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// Of an address (`IFA_F_NODAD`): it can be used at once.
const NO_DUPLICATE_DETECTION: u8 = 2;
const BRIDGE: u8 = 7;
const UP: u32 = 1;

impl Netlink {
    /// The device of that name, if there is one.
    pub(in crate::network) fn link(&mut self, name: &str) -> io::Result<Option<Link>> {
        let mut found = None;
        let name = |message: &mut Message| message.text(NAME, name);
        let asked = self.get(GET_LINK, &link(0, 0), name, |body| found = number(body, 4));
        match asked {
            Ok(()) => Ok(found.map(|index| Link { index })),
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error()) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes a bridge; an error if there is a device of that name. Its hardware address stays the same whoever is connected.
    pub(in crate::network) fn add_bridge(
        &mut self,
        name: &str,
        mtu: u32,
        hardware_address: [u8; 6],
    ) -> io::Result<()> {
        self.change(NEW_LINK, CREATE | EXCLUSIVE, &link(0, 0), |message| {
            message.text(NAME, name);
            message.number(MTU, mtu);
            message.attribute(ADDRESS, &hardware_address);
            let info = message.open(LINK_INFO);
            message.text(INFO_KIND, "bridge");
            message.close(&info);
        })
    }

    /// Makes a cable, its end here in the bridge and up.
    pub(in crate::network) fn add_veth(&mut self, pair: &VethPair<'_>) -> io::Result<()> {
        self.change(NEW_LINK, CREATE | EXCLUSIVE, &link(0, UP), |message| {
            message.text(NAME, pair.name);
            message.number(MTU, pair.mtu);
            message.number(MASTER, pair.bridge.index);
            let info = message.open(LINK_INFO);
            message.text(INFO_KIND, "veth");
            let data = message.open(INFO_DATA);
            let peer = message.open(VETH_PEER);
            message.structure(&link(0, 0));
            message.text(NAME, pair.name_inside);
            message.number(MTU, pair.mtu);
            message.attribute(ADDRESS, &pair.hardware_address);
            let descriptor = pair.namespace.as_raw_fd();
            message.attribute(NAMESPACE_DESCRIPTOR, &descriptor.to_ne_bytes());
            message.close(&peer);
            message.close(&data);
            message.close(&info);
        })
    }

    /// Lets a bridge send a packet back through the port that it came from. Needed where bridged packets pass the rules of IP as well
    /// (`br_netfilter`, which Docker loads), so that a container reaches a port that it publishes itself.
    pub(in crate::network) fn set_hairpin(&mut self, port: Link) -> io::Result<()> {
        let mut structure = link(port.index, 0);
        if let Some(family) = structure.first_mut() {
            *family = BRIDGE;
        }
        self.change(SET_LINK, 0, &structure, |message| {
            let info = message.open(PROTOCOL_INFO | NESTED);
            message.attribute(BRIDGE_PORT_MODE, &[1]);
            message.close(&info);
        })
    }

    /// Removes a device; its other end, if it is a cable, goes with it.
    pub(in crate::network) fn remove_link(&mut self, device: Link) -> io::Result<()> {
        self.change(DELETE_LINK, 0, &link(device.index, 0), |_| {})
    }

    /// Switches a device on.
    pub(in crate::network) fn set_up(&mut self, device: Link) -> io::Result<()> {
        self.change(NEW_LINK, 0, &link(device.index, UP), |_| {})
    }

    /// Gives a device an address; it is no error if it has it.
    pub(in crate::network) fn add_address(
        &mut self,
        device: Link,
        address: Ipv4Addr,
        subnet: Ipv4Net,
    ) -> io::Result<()> {
        let mut structure = vec![IPV4, subnet.prefix_len(), 0, 0];
        structure.extend(device.index.to_ne_bytes());
        let added = self.change(NEW_ADDRESS, CREATE | EXCLUSIVE, &structure, |message| {
            message.attribute(IFA_LOCAL, &address.octets());
            message.attribute(IFA_ADDRESS, &address.octets());
            if subnet.prefix_len() < 31 {
                message.attribute(IFA_BROADCAST, &subnet.broadcast().octets());
            }
        });
        match added {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// The same with an IPv6 address, which nobody else is asked about first: the caller gives each out once.
    pub(in crate::network) fn add_ipv6_address(
        &mut self,
        device: Link,
        address: Ipv6Addr,
        subnet: Ipv6Net,
    ) -> io::Result<()> {
        let mut structure = vec![IPV6, subnet.prefix_len(), NO_DUPLICATE_DETECTION, 0];
        structure.extend(device.index.to_ne_bytes());
        let added = self.change(NEW_ADDRESS, CREATE | EXCLUSIVE, &structure, |message| {
            message.attribute(IFA_LOCAL, &address.octets());
            message.attribute(IFA_ADDRESS, &address.octets());
        });
        match added {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result,
        }
    }

    /// Sends everything that has no better way through a gateway.
    pub(in crate::network) fn add_default_route(
        &mut self,
        device: Link,
        gateway: Ipv4Addr,
    ) -> io::Result<()> {
        let structure = route(IPV4, PROTOCOL_BOOT, TYPE_UNICAST);
        self.change(NEW_ROUTE, CREATE | EXCLUSIVE, &structure, |message| {
            message.attribute(ROUTE_GATEWAY, &gateway.octets());
            message.number(ROUTE_DEVICE, device.index);
        })
    }

    /// The same for IPv6.
    pub(in crate::network) fn add_ipv6_default_route(
        &mut self,
        device: Link,
        gateway: Ipv6Addr,
    ) -> io::Result<()> {
        let structure = route(IPV6, PROTOCOL_BOOT, TYPE_UNICAST);
        self.change(NEW_ROUTE, CREATE | EXCLUSIVE, &structure, |message| {
            message.attribute(ROUTE_GATEWAY, &gateway.octets());
            message.number(ROUTE_DEVICE, device.index);
        })
    }

    /// What the main table has IPv4 routes for, the default one left out.
    pub(in crate::network) fn routes(&mut self) -> io::Result<Vec<Ipv4Net>> {
        let mut routes = Vec::new();
        self.dump(GET_ROUTE, &route(IPV4, 0, 0), |body| {
            routes.extend(destination(body));
        })?;
        Ok(routes)
    }
}

/// The destination of a route of the main table.
fn destination(body: &[u8]) -> Option<Ipv4Net> {
    let [family, bits, _, _, table, ..] = *body else {
        return None;
    };
    let all: Vec<_> = attributes(body.get(12..)?).collect();
    let value = |wanted: u16| {
        all.iter()
            .find(|(kind, _)| *kind == wanted)
            .map(|(_, value)| *value)
    };
    let table = value(ROUTE_TABLE)
        .and_then(|value| number(value, 0))
        .unwrap_or(table.into());
    if family != IPV4 || table != u32::from(TABLE_MAIN) || bits == 0 {
        return None;
    }
    let octets: [u8; 4] = value(ROUTE_DESTINATION)?.try_into().ok()?;
    Ipv4Net::new(octets.into(), bits).ok()
}

/// `struct ifinfomsg`: of no family and kind, flags and which of them change.
fn link(index: u32, flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    for value in [index, flags, flags] {
        bytes.extend(value.to_ne_bytes());
    }
    bytes
}

/// `struct rtmsg` of a route in the main table.
fn route(family: u8, protocol: u8, kind: u8) -> Vec<u8> {
    let mut bytes = vec![family, 0, 0, 0, TABLE_MAIN, protocol, 0, kind];
    bytes.extend([0; 4]);
    bytes
}
