//! `-p`: which port of the host leads to which port of a container.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PortProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP: read, since Docker reads it, and refused where ports are taken.
    Sctp,
}

/// One port of a container, as somebody asked to publish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PortBinding {
    /// The host's address; absent: all of them, of both kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_ip: Option<IpAddr>,
    /// The host's ports, from the first to the last, of which one is taken; absent, or 0: any that is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_ports: Option<(u16, u16)>,
    /// The container's.
    pub container_port: u16,
    /// Which kind.
    pub protocol: PortProtocol,
}

/// A `-p` that is none, in the words of docker/go-connections (`nat`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// An address in brackets that do not match.
    #[error("invalid IP address {0}: address {0}:: missing ']' in address")]
    Bracket(String),
    /// An address that is none; names are not looked up.
    #[error("invalid IP address: {0}")]
    Address(String),
    /// Nothing behind the last colon.
    #[error("no port specified: {0}<empty>")]
    Missing(String),
    /// No port or range of the container.
    #[error("invalid containerPort: {0}")]
    Container(String),
    /// No port or range of the host.
    #[error("invalid hostPort: {0}")]
    Host(String),
    /// Ranges that do not match.
    #[error("invalid ranges specified for container and host Ports: {container} and {host}")]
    Ranges {
        /// Of the container.
        container: String,
        /// Of the host.
        host: String,
    },
    /// Another protocol.
    #[error("invalid proto: {0}")]
    Protocol(String),
}

impl fmt::Display for PortProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl FromStr for PortProtocol {
    type Err = PortError;

    /// In any case.
    fn from_str(text: &str) -> Result<Self, PortError> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            _ => Err(PortError::Protocol(text.to_owned())),
        }
    }
}

/// Reads a `-p`: `80`, `8080:80/udp`, `127.0.0.1::80`, `8000-8010:80-90`, `[::1]:80:80`. A range of the container gives a binding for
/// each of its ports; a range of the host for one port of the container is a choice.
pub fn parse_publish(text: &str) -> Result<Vec<PortBinding>, PortError> {
    let (address, host, container) = parts(text);
    let (container, protocol) = split_protocol(container);
    let host_ip = host_address(address)?;
    if container.is_empty() {
        return Err(PortError::Missing(text.to_owned()));
    }
    let container_range = port_range(container);
    let (first, last) =
        container_range.ok_or_else(|| PortError::Container(container.to_owned()))?;
    let host_range = match host {
        "" => None,
        host => Some(port_range(host).ok_or_else(|| PortError::Host(host.to_owned()))?),
    };
    if let Some((first_host, last_host)) = host_range
        && last - first != last_host - first_host
        && first != last
    {
        return Err(PortError::Ranges {
            container: container.to_owned(),
            host: host.to_owned(),
        });
    }
    let protocol = protocol.parse()?;
    let binding = |container_port: u16| PortBinding {
        host_ip,
        host_ports: host_range.map(|(first_host, last_host)| {
            if first == last {
                (first_host, last_host)
            } else {
                let port = first_host.saturating_add(container_port - first);
                (port, port)
            }
        }),
        container_port,
        protocol,
    };
    Ok((first..=last).map(binding).collect())
}

/// Reads `EXPOSE`'s and `--expose`'s form: `80`, `80/udp`, `8000-8010/tcp`.
pub fn parse_exposed(text: &str) -> Result<Vec<(u16, PortProtocol)>, PortError> {
    let (ports, protocol) = split_protocol(text);
    if ports.is_empty() {
        return Err(PortError::Missing(text.to_owned()));
    }
    let range = port_range(ports);
    let (first, last) = range.ok_or_else(|| PortError::Container(ports.to_owned()))?;
    let protocol = protocol.parse()?;
    Ok((first..=last).map(|port| (port, protocol)).collect())
}

/// Address, port of the host, port of the container: the address may have colons of its own.
fn parts(text: &str) -> (&str, &str, &str) {
    match text.rsplit_once(':') {
        None => ("", "", text),
        Some((rest, container)) => match rest.rsplit_once(':') {
            None => ("", rest, container),
            Some((address, host)) => (address, host, container),
        },
    }
}

/// What stands behind a second slash is left out, as Docker does it.
fn split_protocol(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        None => (text, "tcp"),
        Some(("", _)) => ("", ""),
        Some((port, rest)) => match rest.split('/').next() {
            None | Some("") => (port, "tcp"),
            Some(protocol) => (port, protocol),
        },
    }
}

fn host_address(text: &str) -> Result<Option<IpAddr>, PortError> {
    if text.is_empty() {
        return Ok(None);
    }
    let invalid = || PortError::Address(text.to_owned());
    let address = match text.strip_prefix('[') {
        None => text.parse().map_err(|_not_one| invalid())?,
        Some(rest) => {
            let inner = rest.strip_suffix(']');
            let inner = inner.ok_or_else(|| PortError::Bracket(text.to_owned()))?;
            inner
                .parse()
                .map_err(|_not_one| PortError::Address(inner.to_owned()))?
        }
    };
    Ok(Some(match address {
        // An IPv4 address in the other's clothes is one.
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4),
        four @ IpAddr::V4(_) => four,
    }))
}

/// `80` or `80-90`, each at most 65535, the second not less.
fn port_range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)),
        Some((first, last)) => {
            let (first, last): (u16, u16) = (port(first)?, port(last)?);
            (first <= last).then_some((first, last))
        }
    }
}

/// How Docker writes an address in `ps`, `port` and errors.
pub fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(four) => four.to_string(),
        IpAddr::V6(six) if six == Ipv6Addr::UNSPECIFIED => "[::]".to_owned(),
        IpAddr::V6(six) => format!("[{six}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse_publish(text) {
            Err(error) => error.to_string(),
            Ok(bindings) => {
                let shown = bindings.iter().map(|binding| {
                    let address = binding.host_ip.map(bracketed).unwrap_or_default();
                    let host = binding.host_ports.map_or(String::new(), |(first, last)| {
                        if first == last {
                            first.to_string()
                        } else {
                            format!("{first}-{last}")
                        }
                    });
                    format!(
                        "{address}:{host}:{}/{}",
                        binding.container_port, binding.protocol
                    )
                });
                shown.collect::<Vec<_>>().join(" ")
            }
        }
    }

    // The errors are those of docker 28.2.2 for the same words.
    #[test]
    fn publish_is_read_as_docker_reads_it() {
        let cases = [
            ("80", "::80/tcp"),
            ("8080:80", ":8080:80/tcp"),
            ("8080:80/udp", ":8080:80/udp"),
            ("80:80/TCP", ":80:80/tcp"),
            ("80/tcp/udp", "::80/tcp"),
            ("80/", "::80/tcp"),
            (":80", "::80/tcp"),
            ("0:80", ":0:80/tcp"),
            ("080:80", ":80:80/tcp"),
            ("127.0.0.1::80", "127.0.0.1::80/tcp"),
            ("[::1]:80:80", "[::1]:80:80/tcp"),
            ("::1:80:80", "[::1]:80:80/tcp"),
            ("[::1]::80", "[::1]::80/tcp"),
            ("8000-8001:80-81", ":8000:80/tcp :8001:81/tcp"),
            ("8000-8010:80", ":8000-8010:80/tcp"),
            (
                "1.2.3.4:80-81:90-91/udp",
                "1.2.3.4:80:90/udp 1.2.3.4:81:91/udp",
            ),
            ("80-81", "::80/tcp ::81/tcp"),
            ("", "no port specified: <empty>"),
            (":", "no port specified: :<empty>"),
            ("80:", "no port specified: 80:<empty>"),
            ("/tcp", "no port specified: /tcp<empty>"),
            ("a:80", "invalid hostPort: a"),
            ("80:a", "invalid containerPort: a"),
            ("80/xyz", "invalid proto: xyz"),
            ("70000:80", "invalid hostPort: 70000"),
            ("80:70000", "invalid containerPort: 70000"),
            ("80-70:80", "invalid hostPort: 80-70"),
            ("-80:80", "invalid hostPort: -80"),
            ("80-:80", "invalid hostPort: 80-"),
            (" 80:80", "invalid hostPort:  80"),
            ("+80:80", "invalid hostPort: +80"),
            ("127.0.0.1:80", "invalid hostPort: 127.0.0.1"),
            (
                "8000-8010:80-85",
                "invalid ranges specified for container and host Ports: 80-85 and 8000-8010",
            ),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("localhost:80:80", "invalid IP address: localhost"),
            (
                "[::1:80:80",
                "invalid IP address [::1: address [::1:: missing ']' in address",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn exposed_ports() {
        assert_eq!(parse_exposed("80").unwrap(), [(80, PortProtocol::Tcp)]);
        assert_eq!(
            parse_exposed("53-54/udp").unwrap(),
            [(53, PortProtocol::Udp), (54, PortProtocol::Udp)]
        );
        for text in ["", "x", "80/x", "/", "9-8"] {
            assert!(parse_exposed(text).is_err(), "{text:?}");
        }
    }
}
