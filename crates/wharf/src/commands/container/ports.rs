//! `-p` and `--expose`: `8080:80/tcp`, `127.0.0.1::80`, `8000-8010:80-90`, `[::1]:80:80/udp` (docker/go-connections, `nat`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use wharf_engine::PortPlace;

/// Ports of one range at most.
const RANGE_LIMIT: u32 = 65_536;

/// What `--expose` names: `80/tcp`, each port of a range by itself.
pub(super) fn exposed(text: &str) -> anyhow::Result<Vec<String>> {
    let (ports, protocol) = split_protocol(text)?;
    let (first, last) =
        range(ports).ok_or_else(|| invalid_port("invalid range format for --expose", text))?;
    Ok((first..=last)
        .map(|port| format!("{port}/{protocol}"))
        .collect())
}

/// What `-p` asks for: ports of the container to places on the machine.
pub(super) fn bindings(texts: &[String]) -> anyhow::Result<BTreeMap<String, Vec<PortPlace>>> {
    let mut bindings: BTreeMap<String, Vec<PortPlace>> = BTreeMap::new();
    for text in texts {
        let (rest, protocol) = split_protocol(text)?;
        let (address, host, container) = split(rest);
        anyhow::ensure!(!container.is_empty(), "no port specified: {text}<empty>");
        if !address.is_empty() {
            let plain = address.trim_start_matches('[').trim_end_matches(']');
            anyhow::ensure!(
                plain.parse::<IpAddr>().is_ok(),
                "invalid IP address: {plain}"
            );
        }
        let (first, last) =
            range(container).ok_or_else(|| invalid_port("invalid containerPort", container))?;
        let places = match host {
            "" => None,
            host => Some(range(host).ok_or_else(|| invalid_port("invalid hostPort", host))?),
        };
        let count = last - first;
        if let Some((host_first, host_last)) = places {
            // One port of the container may be published at any one of several.
            anyhow::ensure!(
                host_last - host_first == count || count == 0,
                "invalid ranges specified for container and host Ports: {container} and {host}"
            );
        }
        for (offset, port) in (first..=last).enumerate() {
            let offset = u32::try_from(offset).unwrap_or_default();
            let host_port = match places {
                None => String::new(),
                Some((first, last)) if count == 0 && first != last => format!("{first}-{last}"),
                Some((first, _)) => (first + offset).to_string(),
            };
            let place = PortPlace {
                host_ip: address
                    .trim_start_matches('[')
                    .trim_end_matches(']')
                    .to_owned(),
                host_port,
            };
            bindings
                .entry(format!("{port}/{protocol}"))
                .or_default()
                .push(place);
        }
    }
    Ok(bindings)
}

fn split_protocol(text: &str) -> anyhow::Result<(&str, &str)> {
    let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    anyhow::ensure!(
        matches!(protocol, "tcp" | "udp" | "sctp"),
        "invalid proto: {protocol}"
    );
    Ok((ports, protocol))
}

/// Address, port of the machine, port of the container.
fn split(text: &str) -> (&str, &str, &str) {
    let Some((rest, container)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match rest.rsplit_once(':') {
        // The colons of an address stand in brackets.
        Some((address, host)) if !host.ends_with(']') => (address, host, container),
        _ if rest.ends_with(']') => (rest, "", container),
        _ => ("", rest, container),
    }
}

fn range(text: &str) -> Option<(u32, u32)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.parse::<u16>().ok().map(u32::from);
    let (first, last) = (port(first)?, port(last)?);
    (first <= last && last - first < RANGE_LIMIT).then_some((first, last))
}

fn invalid_port(what: &str, text: &str) -> anyhow::Error {
    anyhow::anyhow!("{what}: {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<String>, String> {
        let bindings = bindings(&[text.to_owned()]).map_err(|error| error.to_string())?;
        let line = |(port, places): (String, Vec<PortPlace>)| {
            let places: Vec<_> = places
                .iter()
                .map(|place| format!("{}|{}", place.host_ip, place.host_port))
                .collect();
            format!("{port} {}", places.join(" "))
        };
        Ok(bindings.into_iter().map(line).collect())
    }

    #[test]
    fn publications_are_read() {
        let cases: &[(&str, &[&str])] = &[
            ("80", &["80/tcp |"]),
            ("8080:80", &["80/tcp |8080"]),
            ("8080:80/udp", &["80/udp |8080"]),
            ("127.0.0.1::80", &["80/tcp 127.0.0.1|"]),
            ("127.0.0.1:8080:80", &["80/tcp 127.0.0.1|8080"]),
            ("[::1]:8080:80", &["80/tcp ::1|8080"]),
            ("8000-8001:80-81", &["80/tcp |8000", "81/tcp |8001"]),
            ("8000-8010:80", &["80/tcp |8000-8010"]),
        ];
        for (text, expected) in cases {
            assert_eq!(parsed(text).unwrap(), *expected, "{text}");
        }
        for (text, expected) in [
            ("x:80", "invalid hostPort: x"),
            ("80:x", "invalid containerPort: x"),
            ("80/foo", "invalid proto: foo"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("70000:80", "invalid hostPort: 70000"),
            (
                "1-3:1-2",
                "invalid ranges specified for container and host Ports: 1-2 and 1-3",
            ),
        ] {
            assert_eq!(parsed(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_exposed() {
        assert_eq!(
            exposed("80-82/udp").unwrap(),
            ["80/udp", "81/udp", "82/udp"]
        );
        assert!(exposed("82-80").is_err() && exposed("x").is_err());
    }
}
