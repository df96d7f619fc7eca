//! Which registries may be spoken to without verified TLS (moby `registry/config.go`, `isSecureIndex`).

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::client::ClientConfigError;
use crate::http::cidr::Cidr;
use crate::http::connect::Resolver;

/// `insecure-registries`, read: exact names, and networks.
#[derive(Debug, Clone)]
pub(crate) struct InsecureRegistries {
    names: HashSet<String>,
    networks: Vec<Cidr>,
}

impl InsecureRegistries {
    /// An entry may also be a URL, whose host then counts, as in Docker. One that could never match is refused:
    /// whoever wrote it meant something else.
    pub(crate) fn new(entries: &[String]) -> Result<Self, ClientConfigError> {
        let mut names = HashSet::new();
        let mut networks = Vec::new();
        for given in entries {
            let entry = given.trim().to_ascii_lowercase();
            if let Some(network) = Cidr::parse(&entry) {
                networks.push(network);
                continue;
            }
            let host = entry
                .split_once("://")
                .map_or(entry.as_str(), |(_, rest)| rest)
                .trim_end_matches('/');
            if !is_host(host) {
                let entry = given.clone();
                return Err(ClientConfigError::Insecure { entry });
            }
            names.insert(host.to_owned());
        }
        Ok(Self { names, networks })
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

/// `HOST` or `HOST:PORT`, and nothing else.
fn is_host(text: &str) -> bool {
    let only_host = !text.contains(['/', '?', '#', '@', '*', '\\']) && !text.ends_with(':');
    only_host && Url::parse(&format!("https://{text}/")).is_ok()
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
        let insecure = InsecureRegistries::new(&entries.map(str::to_owned)).unwrap();
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

    #[test]
    fn what_is_no_registry_is_refused() {
        for (entry, valid) in [
            ("reg.example", true),
            ("[::1]:5000", true),
            ("fd00::/8", true),
            ("my_registry:5000", true),
            ("", false),
            ("http://", false),
            ("a b", false),
            ("10.0.0/8", false),
            ("10.0.0.0/33", false),
            ("reg.example/team", false),
            ("*.example", false),
            ("reg.example:http", false),
            ("user@reg.example", false),
        ] {
            let read = InsecureRegistries::new(&[entry.to_owned()]);
            assert_eq!(read.is_ok(), valid, "{entry}");
        }
    }
}
