//! Which registries may be spoken to without verified TLS (moby `registry/config.go`, `isSecureIndex`).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::http::cidr::Cidr;
use crate::http::connect::Resolver;

/// `insecure-registries`, read: exact names, and networks.
#[derive(Debug, Clone)]
pub(crate) struct InsecureRegistries {
    names: HashSet<String>,
    networks: Vec<Cidr>,
}

impl InsecureRegistries {
    /// An entry may also be a URL, whose host then counts, as in Docker.
    pub(crate) fn new(entries: &[String]) -> Self {
        let mut names = HashSet::new();
        let mut networks = Vec::new();
        for entry in entries {
            let entry = entry.trim().to_ascii_lowercase();
            if let Some(network) = Cidr::parse(&entry) {
                networks.push(network);
                continue;
            }
            let host = entry
                .split_once("://")
                .map_or(entry.as_str(), |(_, rest)| rest);
            names.insert(host.trim_end_matches('/').to_owned());
        }
        Self { names, networks }
    }

    /// Whether `host` (`host[:port]`, as in the image's name) is insecure. A name is looked up for
    /// it, since its addresses may be in one of the networks; one that has no address is secure.
    pub(crate) async fn contains(&self, host: &str, resolver: Option<&Resolver>) -> bool {
        if self.names.contains(&host.to_ascii_lowercase()) {
            return true;
        }
        let Ok(url) = Url::parse(&format!("https://{host}/")) else {
            return false;
        };
        match (url.host(), resolver) {
            (Some(Host::Ipv4(address)), _) => self.is_in_networks(address.into()),
            (Some(Host::Ipv6(address)), _) => self.is_in_networks(address.into()),
            (Some(Host::Domain("localhost")), _) => true,
            (Some(Host::Domain(_)), Some(resolver)) => {
                let addresses = resolver.lookup(&url).await.unwrap_or_default();
                addresses
                    .iter()
                    .any(|address| self.is_in_networks(address.ip()))
            }
            _ => false,
        }
    }

    fn is_in_networks(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let loopback = match address {
            IpAddr::V4(address) => address.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
            IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST,
        };
        loopback
            || self
                .networks
                .iter()
                .any(|network| network.contains(address))
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_networks_and_loopback() {
        let entries = ["Reg.Example:5000", "10.0.0.0/8", "http://plain.example/"];
        let insecure = InsecureRegistries::new(&entries.map(str::to_owned));
        for (host, expected) in [
            ("reg.example:5000", true),
            ("reg.example", false),
            ("plain.example", true),
            ("10.1.2.3:5000", true),
            ("11.1.2.3", false),
            ("127.0.0.1:5000", true),
            ("127.8.8.8", true),
            ("[::1]:5000", true),
            ("[::2]:5000", false),
            ("localhost:5000", true),
            ("other.example", false),
        ] {
            assert_eq!(insecure.contains(host, None).await, expected, "{host}");
        }
    }
}
