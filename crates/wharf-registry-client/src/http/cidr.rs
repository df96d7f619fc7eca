//! Networks in CIDR notation, as `insecure-registries` and `NO_PROXY` name them.

use std::net::IpAddr;

/// An address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    address: IpAddr,
    prefix_bits: u8,
}

impl Cidr {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix_bits: u8 = bits.parse().ok()?;
        let limit = if address.is_ipv4() { 32 } else { 128 };
        (prefix_bits <= limit).then_some(Self {
            address,
            prefix_bits,
        })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let same_prefix = |a: u128, b: u128, width: u32| {
            let ignored = width - u32::from(self.prefix_bits);
            // A shift by the whole width would overflow; nothing is compared then.
            ignored == width || (a >> ignored) == (b >> ignored)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                same_prefix(u128::from(a.to_bits()), u128::from(b.to_bits()), 32)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => same_prefix(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_shares_the_prefix() {
        for (network, address, expected) in [
            ("127.0.0.0/8", "127.1.2.3", true),
            ("127.0.0.0/8", "128.0.0.1", false),
            ("0.0.0.0/0", "8.8.8.8", true),
            ("10.0.0.1/32", "10.0.0.1", true),
            ("10.0.0.1/32", "10.0.0.2", false),
            ("::1/128", "::1", true),
            ("::/0", "fd00::1", true),
            ("fd00::/8", "fe00::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "fd00::1", false),
        ] {
            let network = Cidr::parse(network).unwrap();
            assert_eq!(
                network.contains(address.parse().unwrap()),
                expected,
                "{network:?} {address}"
            );
        }
        for text in [
            "10.0.0.0",
            "10.0.0.0/33",
            "::/129",
            "x/8",
            "10.0.0.0/-1",
            "",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }
}
