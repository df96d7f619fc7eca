//! Ports of EXPOSE: `80`, `8000-8010/udp`, and `ip:host:container`, which older builders took.

use super::problem::StageReason;

/// A port, or a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Port {
    /// As it is written.
    pub(super) protocol: String,
    /// Whether an address or a port of the host stands before it.
    pub(super) is_mapping: bool,
    /// The ports, first and last.
    range: (u16, u16),
}

impl Port {
    pub(crate) fn parse(text: &str) -> Result<Self, StageReason> {
        let broken = |cause: String| StageReason::Port {
            port: text.to_owned(),
            cause,
        };
        let (before, container) = text.rsplit_once(':').unwrap_or(("", text));
        let (address, host) = before.rsplit_once(':').unwrap_or(("", before));
        let (range, protocol) = container.split_once('/').unwrap_or((container, ""));
        if range.is_empty() {
            return Err(broken("no port specified".to_owned()));
        }
        if !matches!(
            protocol.to_lowercase().as_str(),
            "" | "tcp" | "udp" | "sctp"
        ) {
            return Err(broken(format!("invalid proto: {protocol}")));
        }
        let plain_address = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let plain_address = plain_address.unwrap_or(address);
        if !plain_address.is_empty() && plain_address.parse::<std::net::IpAddr>().is_err() {
            return Err(broken(format!("invalid IP address: {address}")));
        }
        let ports =
            port_range(range).ok_or_else(|| broken(format!("invalid containerPort: {range}")))?;
        let width = ports.1 - ports.0;
        if !host.is_empty() {
            let host_ports =
                port_range(host).ok_or_else(|| broken(format!("invalid hostPort: {host}")))?;
            if width != host_ports.1 - host_ports.0 && width != 0 {
                return Err(broken(format!(
                    "invalid ranges specified for container and host Ports: {range} and {host}"
                )));
            }
        }
        Ok(Self {
            protocol: protocol.to_owned(),
            is_mapping: !before.is_empty(),
            range: ports,
        })
    }

    /// Each port with its protocol, as an image's config has them.
    pub(crate) fn keys(&self) -> Vec<String> {
        let protocol = match self.protocol.to_lowercase() {
            empty if empty.is_empty() => "tcp".to_owned(),
            protocol => protocol,
        };
        (self.range.0..=self.range.1)
            .map(|port| format!("{port}/{protocol}"))
            .collect()
    }
}

/// The first and the last port; `None` if it is no range of ports.
fn port_range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)),
        Some((first, last)) => {
            let (first, last) = (port(first)?, port(last)?);
            (first <= last).then_some((first, last))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        for (text, expected) in [
            ("80", "\"\" false"),
            ("80/tcp", "\"tcp\" false"),
            ("80/UDP", "\"UDP\" false"),
            ("8000-8010/sctp", "\"sctp\" false"),
            ("8080:80", "\"\" true"),
            ("127.0.0.1:8080:80/tcp", "\"tcp\" true"),
            ("127.0.0.1::80", "\"\" true"),
            ("[::1]:8080:80", "\"\" true"),
            ("", "invalid port: \"\": no port specified"),
            ("/tcp", "invalid port: \"/tcp\": no port specified"),
            ("80/http", "invalid port: \"80/http\": invalid proto: http"),
            ("x", "invalid port: \"x\": invalid containerPort: x"),
            (
                "65536",
                "invalid port: \"65536\": invalid containerPort: 65536",
            ),
            ("+1", "invalid port: \"+1\": invalid containerPort: +1"),
            (
                "90-80",
                "invalid port: \"90-80\": invalid containerPort: 90-80",
            ),
            ("x:80", "invalid port: \"x:80\": invalid hostPort: x"),
            (
                "nine:1:80",
                "invalid port: \"nine:1:80\": invalid IP address: nine",
            ),
            (
                "1-2:80-90",
                "invalid port: \"1-2:80-90\": invalid ranges specified for container and host Ports: 80-90 and 1-2",
            ),
        ] {
            let found = match Port::parse(text) {
                Ok(port) => format!("{:?} {}", port.protocol, port.is_mapping),
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{text}");
        }
    }
}
