//! Which addresses networks and containers get: pure, the state is the caller's.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;

/// No address is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// All subnets of Docker's pools are taken or routed.
    #[error("all predefined address pools have been fully subnetted")]
    NoSubnet,
    /// All addresses of a network are taken.
    #[error("no available IPv4 addresses on this network's address pools: {network}")]
    NoAddress {
        /// Which, as it was given.
        network: String,
    },
    /// The same of the other kind.
    #[error("no available IPv6 addresses on this network's address pools: {network}")]
    NoIpv6Address {
        /// Which, as it was given.
        network: String,
    },
    /// An address that somebody has.
    #[error("Address already in use")]
    InUse,
    /// An address that a container cannot have there.
    #[error("no configured subnet contains IP address {0}")]
    Outside(IpAddr),
}

/// The subnets that Docker gives to networks without one, in its order: 172.17 to 172.31 with 16 bits, then parts of
/// 192.168 with 20 (moby, `daemon/libnetwork/ipamutils`).
pub fn default_pools() -> Vec<Ipv4Net> {
    let wide = (17..=31).map(|second| (Ipv4Addr::new(172, second, 0, 0), 16));
    let narrow = (0..=15).map(|part| (Ipv4Addr::new(192, 168, part * 16, 0), 20));
    let all = wide.chain(narrow);
    all.map(|(first, bits)| Ipv4Net::new_assert(first, bits))
        .collect()
}

/// The first of `pools` that collides with nothing of `taken`: other networks, and what the host has routes for.
pub fn choose_subnet(pools: &[Ipv4Net], taken: &[Ipv4Net]) -> Result<Ipv4Net, AddressError> {
    let collides = |one: &Ipv4Net, other: &Ipv4Net| one.contains(other) || other.contains(one);
    let free = |pool: &&Ipv4Net| !taken.iter().any(|taken| collides(pool, taken));
    pools
        .iter()
        .find(free)
        .copied()
        .ok_or(AddressError::NoSubnet)
}

/// The bridge's own address, if nobody chose one: the first.
pub fn gateway_of(subnet: Ipv4Net) -> Option<Ipv4Addr> {
    subnet.hosts().next()
}

/// The lowest address of `subnet` (of the part `range`, if there is one) that nobody has: not its first, which names the network,
/// not its last, which means everybody, and not the gateway's. `network` is for the error: Docker says `name (id)` there.
pub fn choose_address(
    network: &str,
    subnet: Ipv4Net,
    range: Option<Ipv4Net>,
    gateway: Ipv4Addr,
    taken: &BTreeSet<Ipv4Addr>,
) -> Result<Ipv4Addr, AddressError> {
    let range = range.unwrap_or(subnet);
    let mut all = u32::from(range.network())..=u32::from(range.broadcast());
    // No more steps than addresses are taken, and three: who is in the way is among them.
    let found = all.find_map(|number| {
        let address = Ipv4Addr::from(number);
        check_address(subnet, gateway, taken, address)
            .is_ok()
            .then_some(address)
    });
    found.ok_or_else(|| AddressError::NoAddress {
        network: network.to_owned(),
    })
}

/// Whether a container may have the address that somebody asked for (`--ip`).
pub fn check_address(
    subnet: Ipv4Net,
    gateway: Ipv4Addr,
    taken: &BTreeSet<Ipv4Addr>,
    address: Ipv4Addr,
) -> Result<(), AddressError> {
    if !subnet.contains(&address) {
        return Err(AddressError::Outside(address.into()));
    }
    // Subnets of two addresses and of one have neither name nor broadcast (RFC 3021).
    let edges = subnet.prefix_len() < 31;
    let edge = edges && (address == subnet.network() || address == subnet.broadcast());
    if edge || address == gateway || taken.contains(&address) {
        return Err(AddressError::InUse);
    }
    Ok(())
}

/// The hardware address of a container with that address, as Docker made them: the same address, the same hardware.
pub fn hardware_address(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x42, a, b, c, d]
}

/// As `ip link` and `docker inspect` write it.
pub fn hardware_address_text(address: [u8; 6]) -> String {
    address.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_collide_with_nothing() {
        let pools = default_pools();
        assert_eq!(pools.len(), 31);
        let choose = |taken: &[&str]| {
            let taken: Vec<_> = taken.iter().map(|text| net(text)).collect();
            choose_subnet(&pools, &taken).map(|subnet| subnet.to_string())
        };
        assert_eq!(choose(&[]).unwrap(), "172.17.0.0/16");
        assert_eq!(choose(&["172.17.5.0/24"]).unwrap(), "172.18.0.0/16");
        assert_eq!(choose(&["172.16.0.0/14"]).unwrap(), "172.20.0.0/16");
        assert_eq!(choose(&["172.16.0.0/12"]).unwrap(), "192.168.0.0/20");
        assert_eq!(
            choose(&["172.16.0.0/12", "192.168.1.1/32"]).unwrap(),
            "192.168.16.0/20"
        );
        let error = choose(&["0.0.0.0/0"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "all predefined address pools have been fully subnetted"
        );
    }

    type Case = (
        &'static str,
        Option<&'static str>,
        &'static str,
        &'static [&'static str],
        Option<&'static str>,
    );

    // Subnet, range, gateway, who is there, and the next.
    const CASES: [Case; 9] = [
        ("172.17.0.0/16", None, "172.17.0.1", &[], Some("172.17.0.2")),
        (
            "172.17.0.0/16",
            None,
            "172.17.0.1",
            &["172.17.0.2", "172.17.0.4"],
            Some("172.17.0.3"),
        ),
        ("172.17.0.0/16", None, "172.17.0.2", &[], Some("172.17.0.1")),
        ("10.0.0.0/30", None, "10.0.0.1", &[], Some("10.0.0.2")),
        ("10.0.0.0/30", None, "10.0.0.1", &["10.0.0.2"], None),
        ("10.0.0.0/31", None, "10.0.0.0", &[], Some("10.0.0.1")),
        ("10.0.0.0/32", None, "10.0.0.0", &[], None),
        (
            "10.0.0.0/16",
            Some("10.0.5.0/24"),
            "10.0.0.1",
            &[],
            Some("10.0.5.0"),
        ),
        (
            "10.0.0.0/16",
            Some("10.0.255.252/30"),
            "10.0.0.1",
            &["10.0.255.252", "10.0.255.253", "10.0.255.254"],
            None,
        ),
    ];

    #[test]
    fn addresses_are_the_lowest_that_are_free() {
        for (subnet, range, gateway, taken, expected) in CASES {
            let taken = taken.iter().map(|text| text.parse().unwrap()).collect();
            let chosen = choose_address(
                "n",
                net(subnet),
                range.map(net),
                gateway.parse().unwrap(),
                &taken,
            );
            let chosen = chosen.ok().map(|address| address.to_string());
            assert_eq!(chosen.as_deref(), expected, "{subnet} {range:?}");
        }
        let outside = check_address(
            net("10.0.0.0/24"),
            Ipv4Addr::new(10, 0, 0, 1),
            &BTreeSet::new(),
            Ipv4Addr::new(10, 0, 1, 1),
        );
        assert_eq!(
            outside.unwrap_err().to_string(),
            "no configured subnet contains IP address 10.0.1.1"
        );
    }

    #[test]
    fn hardware_follows_the_address() {
        let address = hardware_address(Ipv4Addr::new(172, 17, 0, 2));
        assert_eq!(hardware_address_text(address), "02:42:ac:11:00:02");
    }
}
