//! The IPv6 side of a bridge network: its addresses, and which of them containers get. Pure, the state is the caller's.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;
use serde::{Deserialize, Serialize};

use super::addresses::AddressError;

/// The IPv6 addresses of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ipv6Side {
    /// All of them.
    pub subnet: Ipv6Net,
    /// The host's.
    pub gateway: Ipv6Addr,
    /// The part that containers get, if that is not all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<Ipv6Net>,
}

/// How long the part of an address is that says in which network it is, where nobody chose it.
const USUAL_BITS: u8 = 64;

impl Ipv6Side {
    /// Those of the subnet; the gateway is its second address, if nobody chose one, as Docker has it. The first one means all routers.
    pub fn new(subnet: Ipv6Net, gateway: Option<Ipv6Addr>, range: Option<Ipv6Net>) -> Self {
        let second = u128::from(subnet.network()) + u128::from(subnet.prefix_len() < 128);
        Self {
            subnet,
            gateway: gateway.unwrap_or_else(|| second.into()),
            range,
        }
    }

    /// The lowest address that nobody has. `network` is for the error: Docker says `name (id)` there.
    pub fn choose(
        &self,
        network: &str,
        taken: &BTreeSet<Ipv6Addr>,
    ) -> Result<Ipv6Addr, AddressError> {
        let range = self.range.unwrap_or(self.subnet);
        let mut all = u128::from(range.network())..=u128::from(range.broadcast());
        // No more steps than addresses are taken, and two: who is in the way is among them.
        let found = all.find_map(|number| {
            let address = Ipv6Addr::from(number);
            self.check(taken, address).is_ok().then_some(address)
        });
        found.ok_or_else(|| AddressError::NoIpv6Address {
            network: network.to_owned(),
        })
    }

    /// Whether a container may have the address that somebody asked for (`--ip6`).
    pub fn check(&self, taken: &BTreeSet<Ipv6Addr>, address: Ipv6Addr) -> Result<(), AddressError> {
        if !self.subnet.contains(&address) {
            return Err(AddressError::Outside(address.into()));
        }
        let routers = self.subnet.prefix_len() < 127 && address == self.subnet.network();
        if routers || address == self.gateway || taken.contains(&address) {
            return Err(AddressError::InUse);
        }
        Ok(())
    }
}

/// A subnet of nobody's (RFC 4193): `fd`, and what is random.
pub fn unique_local_subnet(random: [u8; 7]) -> Ipv6Net {
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    for (octet, byte) in octets.iter_mut().skip(1).zip(random) {
        *octet = byte;
    }
    Ipv6Net::new_assert(octets.into(), USUAL_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_the_lowest_that_are_free() {
        let side = |subnet: &str, range: Option<&str>| {
            let range = range.map(|range| range.parse().unwrap());
            Ipv6Side::new(subnet.parse().unwrap(), None, range)
        };
        let chosen = |side: &Ipv6Side, taken: &[&str]| {
            let taken = taken.iter().map(|text| text.parse().unwrap()).collect();
            let chosen = side.choose("n", &taken).ok();
            chosen.map(|address| address.to_string())
        };
        let usual = side("fd00:1::/64", None);
        assert_eq!(usual.gateway.to_string(), "fd00:1::1");
        assert_eq!(chosen(&usual, &[]).as_deref(), Some("fd00:1::2"));
        let next = chosen(&usual, &["fd00:1::2", "fd00:1::4"]);
        assert_eq!(next.as_deref(), Some("fd00:1::3"));
        let part = side("fd00:1::/64", Some("fd00:1::1:0/112"));
        assert_eq!(chosen(&part, &[]).as_deref(), Some("fd00:1::1:0"));
        assert_eq!(
            chosen(&side("fd00:1::4/127", None), &[]).as_deref(),
            Some("fd00:1::4")
        );
        assert_eq!(chosen(&side("fd00:1::4/128", None), &[]), None);
        let outside = usual.check(&BTreeSet::new(), "fd00:2::2".parse().unwrap());
        assert_eq!(
            outside.unwrap_err().to_string(),
            "no configured subnet contains IP address fd00:2::2"
        );
        let made = unique_local_subnet([1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(made.to_string(), "fd01:203:405:607::/64");
    }
}
