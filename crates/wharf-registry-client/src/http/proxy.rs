//! Which proxy a request goes through: the rules of Go's `httpproxy`, which Docker's users know.

use std::net::IpAddr;

use url::{Host, Url};

use super::cidr::Cidr;

/// Proxies as the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` would give them.
#[derive(Debug, Clone, Default)]
pub struct ProxyConfig {
    /// For `http:` requests: a URL, or `host:port`.
    pub http: Option<String>,
    /// For `https:` requests.
    pub https: Option<String>,
    /// Hosts that are spoken to directly, separated by commas: `*`, an address, a network, a domain
    /// (with its subdomains), `.domain` (only its subdomains), each with an optional `:port`.
    pub no_proxy: Option<String>,
}

/// Why a proxy cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Not a URL.
    #[error("invalid proxy address {text:?}: {source}")]
    Address {
        /// As configured.
        text: String,
        /// What is wrong with it.
        source: url::ParseError,
    },
    /// A kind of proxy that Wharf does not speak to.
    #[error(
        "proxy {proxy} has the unsupported scheme {scheme:?}; use an http:// or https:// proxy"
    )]
    Scheme {
        /// Without its password.
        proxy: String,
        /// The scheme.
        scheme: String,
    },
}

/// [`ProxyConfig`], read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProxyRules {
    http: Option<Url>,
    https: Option<Url>,
    direct: Vec<Exception>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    Everything,
    Network(Cidr),
    Address(IpAddr, Option<u16>),
    Domain {
        // With a leading dot.
        suffix: String,
        itself_too: bool,
        port: Option<u16>,
    },
}

impl ProxyRules {
    pub(crate) fn new(config: &ProxyConfig) -> Result<Self, ProxyError> {
        let read = |text: &Option<String>| {
            let text = text.as_deref().map(str::trim).filter(|t| !t.is_empty());
            text.map(parse_proxy).transpose()
        };
        let entries = config.no_proxy.as_deref().unwrap_or_default().split(',');
        Ok(Self {
            http: read(&config.http)?,
            https: read(&config.https)?,
            direct: entries.filter_map(parse_exception).collect(),
        })
    }

    /// The proxy to reach `target` through; `None` means directly.
    pub(crate) fn proxy_for(&self, target: &Url) -> Option<&Url> {
        let proxy = match target.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }?;
        self.uses_proxy(target).then_some(proxy)
    }

    fn uses_proxy(&self, target: &Url) -> bool {
        let port = target.port_or_known_default();
        let (name, address) = match target.host() {
            None => return false,
            Some(Host::Domain(name)) => (name.trim_end_matches('.').to_ascii_lowercase(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
        };
        if name == "localhost" || address.is_some_and(|address| address.is_loopback()) {
            return false;
        }
        !self
            .direct
            .iter()
            .any(|exception| exception.matches(&name, address, port))
    }
}

impl Exception {
    fn matches(&self, name: &str, address: Option<IpAddr>, port: Option<u16>) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(address)),
            Self::Address(wanted, wanted_port) => {
                address == Some(*wanted) && (wanted_port.is_none() || *wanted_port == port)
            }
            Self::Domain {
                suffix,
                itself_too,
                port: wanted_port,
            } => {
                let named = name.ends_with(suffix.as_str())
                    || (*itself_too && suffix.strip_prefix('.') == Some(name));
                named && (wanted_port.is_none() || *wanted_port == port)
            }
        }
    }
}

/// A URL as it may be shown: its password replaced by stars, its query, which may be a signature, cut off.
pub(crate) fn without_password(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    if shown.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _hidden: Result<(), ()> = shown.set_password(Some("***"));
    }
    shown.to_string()
}

// Go takes `host:port` for `http://host:port`.
fn parse_proxy(text: &str) -> Result<Url, ProxyError> {
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&with_scheme).map_err(|source| ProxyError::Address {
        text: text.to_owned(),
        source,
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(ProxyError::Scheme {
            proxy: without_password(&url),
            scheme: url.scheme().to_owned(),
        });
    }
    Ok(url)
}

fn parse_exception(entry: &str) -> Option<Exception> {
    let entry = entry.trim().to_ascii_lowercase();
    if entry.is_empty() {
        return None;
    }
    if entry == "*" {
        return Some(Exception::Everything);
    }
    if let Some(network) = Cidr::parse(&entry) {
        return Some(Exception::Network(network));
    }
    let (host, port) = split_port(&entry);
    if let Ok(address) = host.parse() {
        return Some(Exception::Address(address, port));
    }
    let host = host.strip_prefix('*').unwrap_or(host);
    let itself_too = !host.starts_with('.');
    let suffix = if itself_too {
        format!(".{host}")
    } else {
        host.to_owned()
    };
    Some(Exception::Domain {
        suffix,
        itself_too,
        port,
    })
}

// `host`, `host:port`, `address`, `[address]`, `[address]:port`.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[')
        && let Some((address, rest)) = rest.split_once(']')
    {
        let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
        return (address, port);
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_follow_gos_rules() {
        for (no_proxy, url, direct) in [
            ("", "https://a.example/", false),
            ("", "https://localhost/", true),
            ("", "https://127.0.0.5:5000/", true),
            ("", "https://[::1]:5000/", true),
            ("*", "https://a.example/", true),
            ("example", "https://a.example/", true),
            ("a.example", "https://a.example/", true),
            ("a.example", "https://b.a.example/", true),
            ("a.example", "https://ba.example/", false),
            (".a.example", "https://a.example/", false),
            (".a.example", "https://b.a.example/", true),
            ("*.a.example", "https://b.a.example/", true),
            ("*.a.example", "https://a.example/", false),
            ("A.Example", "https://a.EXAMPLE/", true),
            ("a.example:5000", "https://a.example:5000/", true),
            ("a.example:5000", "https://a.example/", false),
            ("a.example:443", "https://a.example/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3:5000/", true),
            ("10.1.2.3:80", "https://10.1.2.3/", false),
            ("fd00::/8", "https://[fd00::1]/", true),
            ("[fd00::1]:443", "https://[fd00::1]/", true),
            (" x.example , a.example ", "https://a.example/", true),
        ] {
            let config = ProxyConfig {
                http: None,
                https: Some("proxy.example:3128".to_owned()),
                no_proxy: Some(no_proxy.to_owned()),
            };
            let rules = ProxyRules::new(&config).unwrap();
            let proxy = rules.proxy_for(&url.parse().unwrap());
            assert_eq!(proxy.is_none(), direct, "{no_proxy:?} {url}");
        }
    }

    #[test]
    fn a_proxy_is_chosen_by_the_scheme_of_the_target() {
        let config = ProxyConfig {
            http: Some("http://plain:1".to_owned()),
            https: Some("https://user:pw@secure:2".to_owned()),
            no_proxy: None,
        };
        let rules = ProxyRules::new(&config).unwrap();
        let host = |url: &str| {
            let proxy = rules.proxy_for(&url.parse().unwrap()).unwrap();
            proxy.host_str().unwrap().to_owned()
        };
        assert_eq!(host("http://a.example/"), "plain");
        assert_eq!(host("https://a.example/"), "secure");
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_showing_its_password() {
        let config = |text: &str| ProxyConfig {
            https: Some(text.to_owned()),
            ..ProxyConfig::default()
        };
        let error = ProxyRules::new(&config("socks5://u:secret@h:1")).unwrap_err();
        assert!(error.to_string().contains("unsupported scheme \"socks5\""));
        assert!(!error.to_string().contains("secret"));
        assert!(ProxyRules::new(&config("http://")).is_err());
        assert!(ProxyRules::new(&config(" ")).unwrap().https.is_none());
    }
}
