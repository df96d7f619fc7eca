//! Conversations over UDP that the kernel remembers (`linux/netfilter/nfnetlink_conntrack.h`).

use std::io;
use std::net::Ipv4Addr;

use super::message::attributes;
use super::socket::Netlink;

// kinds of requests, of the subsystem 1
const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
// attributes
const TUPLE: u16 = 1;
const TUPLE_ADDRESSES: u16 = 1;
const TUPLE_PROTOCOL: u16 = 2;
const DESTINATION: u16 = 2;
const PROTOCOL_NUMBER: u16 = 1;
const DESTINATION_PORT: u16 = 3;
/// Of attributes that are made of others.
const NESTED: u16 = 0x8000;

const UDP: u8 = 17;

/// `struct nfgenmsg` for IPv4.
const IPV4: [u8; 4] = [2, 0, 0, 0];

/// Forgets the conversations with these ports of the host (an unspecified address: all of the host's). UDP has no end, and a client that
/// goes on would be led to whoever had the port when it began.
pub(in crate::network) fn forget_udp(ports: &[(Ipv4Addr, u16)]) -> io::Result<()> {
    let mut netlink = Netlink::open_netfilter()?;
    let mut tuples = Vec::new();
    netlink.dump(GET, &IPV4, |body| tuples.extend(tuple_to(body, ports)))?;
    for tuple in tuples {
        let deleted = netlink.change(DELETE, 0, &IPV4, |message| {
            message.attribute(TUPLE | NESTED, &tuple);
        });
        match deleted {
            // It ended by itself.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

/// How the conversation began, if it did with one of these ports.
fn tuple_to(body: &[u8], ports: &[(Ipv4Addr, u16)]) -> Option<Vec<u8>> {
    let tuple = value(body.get(IPV4.len()..)?, TUPLE)?;
    let addresses = value(tuple, TUPLE_ADDRESSES)?;
    let protocol = value(tuple, TUPLE_PROTOCOL)?;
    let address: [u8; 4] = value(addresses, DESTINATION)?.try_into().ok()?;
    let port: [u8; 2] = value(protocol, DESTINATION_PORT)?.try_into().ok()?;
    let (address, port) = (Ipv4Addr::from(address), u16::from_be_bytes(port));
    let meant = |(host, number): &(Ipv4Addr, u16)| {
        *number == port && (host.is_unspecified() || *host == address)
    };
    let is_udp = value(protocol, PROTOCOL_NUMBER)? == [UDP];
    (is_udp && ports.iter().any(meant)).then(|| tuple.to_vec())
}

fn value(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut all = attributes(bytes);
    all.find(|(kind, _)| *kind == wanted)
        .map(|(_, value)| value)
}
