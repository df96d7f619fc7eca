//! What a proxy says about the client behind it. It counts only where the proxy is trusted: anybody can send these headers.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::config::Network;

/// Who was asked by whom, the client first; the last one is who spoke to the proxy that wrote it.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// How the client spoke to the first proxy: `https`.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Most proxies in a row that are believed.
const PROXY_LIMIT: usize = 16;

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The client, as far as trusted proxies tell.
    pub(super) client: IpAddr,
    /// Whether the client's own connection is encrypted.
    pub(super) secure: bool,
}

impl Origin {
    /// Of a request that came over a connection from `peer`.
    pub(super) fn of(
        peer: SocketAddr,
        secure: bool,
        headers: &HeaderMap,
        trusted: &[Network],
    ) -> Self {
        let direct = Self {
            client: peer.ip().to_canonical(),
            secure,
        };
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        if trusted.is_empty() || !is_trusted(direct.client) {
            return direct;
        }
        let said = headers.get(FORWARDED_PROTO);
        let said = said.and_then(|said| said.to_str().ok()).map(first);
        let secure = said.map_or(secure, |scheme| scheme.eq_ignore_ascii_case("https"));
        // Each proxy adds at the end whom it spoke to. What stands before the first that is not trusted may be invented.
        let mut client = direct.client;
        for address in hops(headers).take(PROXY_LIMIT) {
            let Some(address) = address else { break };
            client = address;
            if !is_trusted(client) {
                break;
            }
        }
        Self { client, secure }
    }
}

/// The addresses from the last to the first; `None` where there stands something else.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let texts = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
    texts.map(|text| address(text.trim()))
}

/// An address, with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>();
    let address = address.or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

fn first(list: &str) -> &str {
    list.split_once(',').map_or(list, |(first, _)| first).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: &str, lines: &[(&'static str, &str)]) -> Origin {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8", "fd00::1"].map(|text| text.parse().unwrap());
        Origin::of(peer.parse().unwrap(), false, &headers, &trusted)
    }

    #[test]
    fn a_client_is_whom_the_last_trusted_proxy_spoke_to() {
        let by = "x-forwarded-for";
        for (peer, lines, expected) in [
            ("10.1.1.1:1", &[][..], "10.1.1.1"),
            ("10.1.1.1:1", &[(by, "192.0.2.9")], "192.0.2.9"),
            ("[fd00::1]:1", &[(by, "192.0.2.9:4711")], "192.0.2.9"),
            (
                "[::ffff:10.1.1.1]:1",
                &[(by, "[2001:db8::1]:7")],
                "2001:db8::1",
            ),
            // What a client invents stands before what the proxy adds.
            ("10.1.1.1:1", &[(by, "10.9.9.9, 192.0.2.9")], "192.0.2.9"),
            ("10.1.1.1:1", &[(by, "192.0.2.9, 10.2.2.2")], "192.0.2.9"),
            (
                "10.1.1.1:1",
                &[(by, "192.0.2.9"), (by, "198.51.100.1")],
                "198.51.100.1",
            ),
            ("10.1.1.1:1", &[(by, "192.0.2.9, unknown")], "10.1.1.1"),
            ("10.1.1.1:1", &[(by, "")], "10.1.1.1"),
            // Nobody has to believe others.
            ("192.0.2.1:1", &[(by, "10.0.0.1")], "192.0.2.1"),
            ("[fd00::2]:1", &[(by, "10.0.0.1")], "fd00::2"),
        ] {
            let client = origin(peer, lines).client;
            assert_eq!(client.to_string(), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn a_trusted_proxy_tells_whether_the_client_encrypts() {
        let by = "x-forwarded-proto";
        assert!(origin("10.1.1.1:1", &[(by, "https")]).secure);
        assert!(origin("10.1.1.1:1", &[(by, "HTTPS, http")]).secure);
        assert!(!origin("10.1.1.1:1", &[(by, "http")]).secure);
        assert!(!origin("10.1.1.1:1", &[]).secure);
        assert!(!origin("192.0.2.1:1", &[(by, "https")]).secure);
    }
}
