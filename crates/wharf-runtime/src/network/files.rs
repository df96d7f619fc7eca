//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf` of a container: pure functions.

use std::net::IpAddr;

/// A line of `--add-host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// Its address.
    pub address: ExtraAddress,
}

/// Where a name of `--add-host` leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraAddress {
    /// To an address.
    Address(IpAddr),
    /// To the host, by whichever address the container's network has for it (`host-gateway`).
    HostGateway,
}

/// A text that is no `--add-host`, `--dns` or `--dns-search`, in the words of docker/cli.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No name, or no address.
    #[error("bad format for add-host: {0:?}")]
    Host(String),
    /// Not an address.
    #[error("invalid IP address in add-host: {0:?}")]
    HostAddress(String),
    /// Not an address.
    #[error("IP address is not correctly formatted: {0}")]
    Server(String),
    /// Not a domain.
    #[error("{0} is not a valid domain")]
    Domain(String),
    /// `host-gateway` where the container has no way to the host.
    #[error("unable to derive the IP value for host-gateway")]
    NoGateway,
}

/// What `--dns`, `--dns-search` and `--dns-option` say. What is empty comes from the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsOptions {
    /// Servers.
    pub servers: Vec<IpAddr>,
    /// Domains; a single `.` is none.
    pub search: Vec<String>,
    /// Options.
    pub options: Vec<String>,
}

/// What a container without any server of its own asks, as Docker has it.
const FALLBACK_SERVERS: [&str; 2] = ["8.8.8.8", "8.8.4.4"];

/// Where systemd-resolved keeps the servers that it asks itself.
pub const RESOLVED_FILE: &str = "/run/systemd/resolve/resolv.conf";

/// Reads a `--add-host`: `name:address`, `name=address`, the address in brackets if wanted, or `host-gateway`.
pub fn parse_add_host(text: &str) -> Result<ExtraHost, NameError> {
    let parts = text.split_once('=').or_else(|| text.split_once(':'));
    let (name, address) = match parts {
        Some((name, address)) if !name.is_empty() && !name.contains(':') => (name, address),
        _ => return Err(NameError::Host(text.to_owned())),
    };
    if name.contains(|next: char| next.is_whitespace() || next.is_control()) {
        return Err(NameError::Host(text.to_owned()));
    }
    let inner = address
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = match inner.unwrap_or(address) {
        "host-gateway" => ExtraAddress::HostGateway,
        text => {
            let parsed = text.parse();
            let invalid = |_not_one| NameError::HostAddress(text.to_owned());
            ExtraAddress::Address(parsed.map_err(invalid)?)
        }
    };
    Ok(ExtraHost {
        name: name.to_owned(),
        address,
    })
}

/// Reads a `--dns`.
pub fn parse_dns_server(text: &str) -> Result<IpAddr, NameError> {
    let parsed = text.trim().parse();
    parsed.map_err(|_not_one| NameError::Server(text.to_owned()))
}

/// Checks a `--dns-search`: letters, digits, `-` and `_` between dots, or a single dot (docker/cli, `opts.ValidateDNSSearch`).
pub fn check_dns_search(text: &str) -> Result<(), NameError> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let part = |part: &str| {
        let edges = part.bytes().next().is_some_and(|byte| byte != b'-');
        edges && part.len() <= 63 && !part.ends_with('-') && part.bytes().all(letter)
    };
    let trimmed = text.trim();
    let body = trimmed.strip_suffix('.').unwrap_or(trimmed);
    let some_letter = body.bytes().any(|byte| byte.is_ascii_alphabetic());
    let good = some_letter && body.split('.').all(part) && text.len() < 255;
    if trimmed == "." || good {
        Ok(())
    } else {
        Err(NameError::Domain(text.to_owned()))
    }
}

/// `/etc/hosts`. `own` are the container's addresses with its names (host name first, others behind), `gateway` is what
/// `host-gateway` means there.
pub fn hosts(
    own: &[(IpAddr, Vec<String>)],
    extra: &[ExtraHost],
    gateway: Option<IpAddr>,
) -> Result<String, NameError> {
    let mut text = "127.0.0.1\tlocalhost\n\
        ::1\tlocalhost ip6-localhost ip6-loopback\n\
        fe00::\tip6-localnet\n\
        ff00::\tip6-mcastprefix\n\
        ff02::1\tip6-allnodes\n\
        ff02::2\tip6-allrouters\n"
        .to_owned();
    add_hosts(&mut text, extra, gateway)?;
    for (address, names) in own {
        line(&mut text, *address, &names.join(" "));
    }
    Ok(text)
}

/// `/etc/hosts` of a container that has the host's network: the host's file, and what was added.
pub fn hosts_of_host(
    file: &str,
    extra: &[ExtraHost],
    gateway: Option<IpAddr>,
) -> Result<String, NameError> {
    let mut text = file.to_owned();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    add_hosts(&mut text, extra, gateway)?;
    Ok(text)
}

/// `/etc/hostname`.
pub fn hostname(name: &str) -> String {
    format!("{name}\n")
}

/// Whether the host asks systemd-resolved alone, so that [`RESOLVED_FILE`] is the one to begin with.
pub fn asks_resolved(file: &str) -> bool {
    let parsed = Resolv::read(file);
    parsed.servers == ["127.0.0.53"]
}

/// `/etc/resolv.conf`: the host's, changed by what was asked for. In a network of its own (`own_network`) a container cannot ask servers
/// on the host's loopback, nor, without IPv6, those of IPv6: they are left out, and if none remains it asks public ones, as in Docker.
pub fn resolv_conf(file: &str, asked: &DnsOptions, own_network: bool) -> String {
    let mut resolv = Resolv::read(file);
    if !asked.servers.is_empty() {
        resolv.servers = asked.servers.iter().map(IpAddr::to_string).collect();
    } else if own_network {
        resolv.servers.retain(|server| {
            let address = server.parse::<IpAddr>();
            address.is_ok_and(|address| address.is_ipv4() && !address.is_loopback())
        });
        if resolv.servers.is_empty() {
            resolv.servers = FALLBACK_SERVERS.map(str::to_owned).to_vec();
        }
    }
    match asked.search.as_slice() {
        [] => {}
        [dot] if dot == "." => resolv.search.clear(),
        search => resolv.search = search.to_vec(),
    }
    if !asked.options.is_empty() {
        resolv.options.clone_from(&asked.options);
    }
    resolv.text()
}

/// What of resolv.conf(5) counts.
#[derive(Default)]
struct Resolv {
    servers: Vec<String>,
    search: Vec<String>,
    options: Vec<String>,
}

impl Resolv {
    fn read(file: &str) -> Self {
        let mut resolv = Self::default();
        for line in file.lines() {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            let mut words = line.split_whitespace().map(str::to_owned);
            match words.next().as_deref() {
                Some("nameserver") => resolv.servers.extend(words.next()),
                // The last counts.
                Some("search" | "domain") => resolv.search = words.collect(),
                Some("options") => resolv.options.extend(words),
                _ => {}
            }
        }
        resolv
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for server in &self.servers {
            entry(&mut text, "nameserver", server);
        }
        for (key, values) in [("search", &self.search), ("options", &self.options)] {
            if !values.is_empty() {
                entry(&mut text, key, &values.join(" "));
            }
        }
        text
    }
}

fn add_hosts(
    text: &mut String,
    extra: &[ExtraHost],
    gateway: Option<IpAddr>,
) -> Result<(), NameError> {
    for host in extra {
        let address = match host.address {
            ExtraAddress::Address(address) => address,
            ExtraAddress::HostGateway => gateway.ok_or(NameError::NoGateway)?,
        };
        line(text, address, &host.name);
    }
    Ok(())
}

fn entry(text: &mut String, key: &str, value: &str) {
    text.extend([key, " ", value, "\n"]);
}

fn line(text: &mut String, address: IpAddr, names: &str) {
    text.extend([&address.to_string(), "\t", names, "\n"]);
}

#[cfg(test)]
mod tests {
    use super::super::ports::bracketed;
    use super::*;

    #[test]
    fn add_host_is_read_as_docker_reads_it() {
        let good = [
            ("a:1.2.3.4", "a", "1.2.3.4"),
            ("a=1.2.3.4", "a", "1.2.3.4"),
            ("a:[::1]", "a", "[::1]"),
            ("a=::1", "a", "[::1]"),
            ("a:::1", "a", "[::1]"),
            ("a.b-c:host-gateway", "a.b-c", "gateway"),
        ];
        for (text, name, address) in good {
            let host = parse_add_host(text).unwrap();
            let seen = match host.address {
                ExtraAddress::Address(address) => bracketed(address),
                ExtraAddress::HostGateway => "gateway".to_owned(),
            };
            assert_eq!((host.name.as_str(), seen.as_str()), (name, address));
        }
        let bad = [
            ("a", "bad format for add-host: \"a\""),
            ("", "bad format for add-host: \"\""),
            (":1.2.3.4", "bad format for add-host: \":1.2.3.4\""),
            ("a:b=1.2.3.4", "bad format for add-host: \"a:b=1.2.3.4\""),
            ("a\nb:1.2.3.4", "bad format for add-host: \"a\\nb:1.2.3.4\""),
            ("a:", "invalid IP address in add-host: \"\""),
            ("a:x", "invalid IP address in add-host: \"x\""),
            ("a::1", "invalid IP address in add-host: \":1\""),
            ("a:1.2.3", "invalid IP address in add-host: \"1.2.3\""),
        ];
        for (text, expected) in bad {
            assert_eq!(parse_add_host(text).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn dns_options_are_checked() {
        for good in [".", "a", "a.b.", "example.com", "_x.y-z", "1a"] {
            check_dns_search(good).unwrap();
        }
        for bad in [
            "",
            "a b",
            "-a",
            "a-.b",
            "a..b",
            "1.2",
            "a\nnameserver 1.2.3.4",
        ] {
            assert!(check_dns_search(bad).is_err(), "{bad:?}");
        }
        assert!(parse_dns_server("::1").is_ok());
        assert_eq!(
            parse_dns_server("x").unwrap_err().to_string(),
            "IP address is not correctly formatted: x"
        );
    }

    #[test]
    fn hosts_as_docker_writes_them() {
        let own = [(
            "172.17.0.2".parse().unwrap(),
            vec!["web.example".to_owned(), "web".to_owned()],
        )];
        let extra = [
            parse_add_host("db:10.0.0.1").unwrap(),
            parse_add_host("up:host-gateway").unwrap(),
        ];
        let text = hosts(&own, &extra, Some("172.17.0.1".parse().unwrap())).unwrap();
        assert_eq!(
            text,
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n\
             ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n10.0.0.1\tdb\n172.17.0.1\tup\n172.17.0.2\tweb.example web\n"
        );
        assert!(hosts(&own, &extra, None).is_err());
        assert_eq!(
            hosts_of_host("1.1.1.1 x", &extra[..1], None).unwrap(),
            "1.1.1.1 x\n10.0.0.1\tdb\n"
        );
        assert_eq!(hostname("web"), "web\n");
    }

    #[test]
    fn resolv_conf_as_docker_makes_it() {
        let asked = |servers: &[&str], search: &[&str], options: &[&str]| DnsOptions {
            servers: servers.iter().map(|text| text.parse().unwrap()).collect(),
            search: search.iter().map(|text| (*text).to_owned()).collect(),
            options: options.iter().map(|text| (*text).to_owned()).collect(),
        };
        let host = "# c\nnameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1\nsearch old\ndomain lan corp\noptions ndots:2 edns0\n";
        let none = DnsOptions::default();
        let cases = [
            (
                host,
                &none,
                true,
                "nameserver 10.0.0.2\nsearch lan corp\noptions ndots:2 edns0\n",
            ),
            (
                host,
                &none,
                false,
                "nameserver 127.0.0.53\nnameserver 10.0.0.2\nnameserver fe80::1\nsearch lan corp\noptions ndots:2 edns0\n",
            ),
            (
                "nameserver ::1\n",
                &none,
                true,
                "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
            ),
            ("", &none, true, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
            ("", &none, false, ""),
            (
                "nameserver\nnameserver x\n",
                &none,
                true,
                "nameserver 8.8.8.8\nnameserver 8.8.4.4\n",
            ),
            (
                host,
                &asked(&["127.0.0.1", "9.9.9.9"], &[], &[]),
                true,
                "nameserver 127.0.0.1\nnameserver 9.9.9.9\nsearch lan corp\noptions ndots:2 edns0\n",
            ),
            (
                host,
                &asked(&[], &["."], &["rotate"]),
                true,
                "nameserver 10.0.0.2\noptions rotate\n",
            ),
            (
                host,
                &asked(&[], &["a", "b"], &[]),
                true,
                "nameserver 10.0.0.2\nsearch a b\noptions ndots:2 edns0\n",
            ),
        ];
        for (file, asked, own_network, expected) in cases {
            assert_eq!(
                resolv_conf(file, asked, own_network),
                expected,
                "{file:?} {asked:?}"
            );
        }
        assert!(asks_resolved("nameserver 127.0.0.53\noptions edns0\n"));
        assert!(!asks_resolved(
            "nameserver 127.0.0.53\nnameserver 1.1.1.1\n"
        ));
    }
}
