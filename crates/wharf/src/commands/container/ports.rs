//! `-p` and `--expose` in the form of Docker's API: port of the container to places on the machine.

use std::collections::BTreeMap;

use wharf_engine::PortPlace;
use wharf_runtime::network::{PortError, parse_exposed, parse_publish};

use crate::arguments::quoted;

/// What `--expose` names: `80/tcp`, each port of a range by itself.
pub(super) fn exposed(text: &str) -> anyhow::Result<Vec<String>> {
    let ports = parse_exposed(text).map_err(|error| match error {
        PortError::Container(ports) => {
            let why = no_port(&ports);
            anyhow::anyhow!("invalid range format for --expose: {ports}, error: {why}")
        }
        other => other.into(),
    })?;
    let named = ports
        .iter()
        .map(|(port, protocol)| format!("{port}/{protocol}"));
    Ok(named.collect())
}

/// Why it is no port and no range of them, as Go has it.
fn no_port(ports: &str) -> String {
    if ports.is_empty() {
        return "empty string specified for ports.".to_owned();
    }
    for part in ports.splitn(2, '-') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if part.parse::<u16>().is_err() {
            let why = if is_number {
                "value out of range"
            } else {
                "invalid syntax"
            };
            return format!("strconv.ParseUint: parsing {}: {why}", quoted(part));
        }
    }
    format!("invalid range specified for port: {ports}")
}

/// What `-p` asks for.
pub(super) fn bindings(texts: &[String]) -> anyhow::Result<BTreeMap<String, Vec<PortPlace>>> {
    let mut bindings: BTreeMap<String, Vec<PortPlace>> = BTreeMap::new();
    for text in texts {
        for binding in parse_publish(text)? {
            let port = format!("{}/{}", binding.container_port, binding.protocol);
            bindings.entry(port).or_default().push(PortPlace {
                host_ip: binding
                    .host_ip
                    .map(|address| address.to_string())
                    .unwrap_or_default(),
                host_port: match binding.host_ports {
                    None => String::new(),
                    Some((first, last)) if first == last => first.to_string(),
                    Some((first, last)) => format!("{first}-{last}"),
                },
            });
        }
    }
    Ok(bindings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publications_are_written_as_the_api_has_them() {
        let cases: &[(&str, &[&str])] = &[
            ("80", &["80/tcp |"]),
            ("8080:80/udp", &["80/udp |8080"]),
            ("127.0.0.1::80", &["80/tcp 127.0.0.1|"]),
            ("[::1]:8080:80", &["80/tcp ::1|8080"]),
            ("8000-8001:80-81", &["80/tcp |8000", "81/tcp |8001"]),
            ("8000-8010:80", &["80/tcp |8000-8010"]),
        ];
        for (text, expected) in cases {
            let bindings = bindings(&[(*text).to_owned()]).unwrap();
            let lines = bindings.iter().flat_map(|(port, places)| {
                let line = move |place: &PortPlace| {
                    format!("{port} {}|{}", place.host_ip, place.host_port)
                };
                places.iter().map(line)
            });
            assert_eq!(lines.collect::<Vec<_>>(), *expected, "{text}");
        }
        assert_eq!(exposed("80-81/udp").unwrap(), ["80/udp", "81/udp"]);
        let refused = exposed("x").unwrap_err().to_string();
        assert_eq!(
            refused,
            "invalid range format for --expose: x, error: strconv.ParseUint: parsing \"x\": invalid syntax"
        );
    }
}
