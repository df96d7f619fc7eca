//! `--network` of `run` and `create`, with what is asked of each network (docker/cli, `opts/network.go`).

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use wharf_engine::EndpointConfig;

use super::run_flags as flags;
use crate::arguments::Matches;

/// One `--network`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attachment {
    network: String,
    config: EndpointConfig,
}

/// The mode, and what is asked of each network.
pub(super) fn networks(
    matches: &Matches,
) -> anyhow::Result<(String, BTreeMap<String, EndpointConfig>)> {
    let mut attachments = Vec::new();
    for text in matches.list(&flags::NETWORK) {
        attachments.push(parse(text)?);
    }
    if attachments.is_empty() {
        attachments.push(Attachment {
            network: "default".to_owned(),
            config: EndpointConfig::default(),
        });
    }
    let several = attachments.len() > 1;
    if let Some(first) = attachments.first_mut() {
        with_options(&mut first.config, matches)?;
    }
    let mode = attachments
        .first()
        .map(|first| first.network.clone())
        .unwrap_or_default();
    let (mut made, mut other) = (false, false);
    let mut networks = BTreeMap::new();
    for Attachment { network, config } in attachments {
        ensure!(!network.trim().is_empty(), "no name set for network");
        let is_made = is_made(&network);
        made |= is_made;
        other |= !is_made;
        ensure!(
            is_made || config.aliases.is_empty(),
            "network-scoped aliases are only supported for user-defined networks"
        );
        ensure!(
            !networks.contains_key(&network),
            "network {network:?} is specified multiple times"
        );
        networks.insert(network, config);
    }
    ensure!(
        !(made && other),
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes"
    );
    ensure!(
        !(several && networks.contains_key("none")),
        "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    );
    ensure!(
        !(several && other),
        "container sharing network namespace with another container or host cannot be connected to any other network"
    );
    if mode.starts_with("container:") {
        networks.clear();
    }
    Ok((mode, networks))
}

/// Whether somebody made it: everything that is no mode.
fn is_made(network: &str) -> bool {
    !matches!(network, "default" | "bridge" | "host" | "none") && !network.starts_with("container:")
}

/// The options that stand for the first network.
fn with_options(config: &mut EndpointConfig, matches: &Matches) -> anyhow::Result<()> {
    let aliases = matches.list(&flags::NETWORK_ALIAS);
    let conflict = |option: &str, what: &str| {
        anyhow::anyhow!("conflicting options: cannot specify both {option} and per-network {what}")
    };
    if !aliases.is_empty() {
        ensure!(
            config.aliases.is_empty(),
            conflict("--network-alias", "alias")
        );
        config.aliases = aliases.to_vec();
    }
    if let Some(text) = matches.some_text(&flags::MAC_ADDRESS) {
        ensure!(
            is_hardware_address(text),
            "{text} is not a valid mac address"
        );
    }
    for (flag, field, what) in [
        (&flags::IP, &mut config.ipv4_address, "IPv4 address"),
        (&flags::IP6, &mut config.ipv6_address, "IPv6 address"),
        (&flags::MAC_ADDRESS, &mut config.mac_address, "MAC address"),
    ] {
        if let Some(text) = matches.some_text(flag) {
            ensure!(
                field.is_empty(),
                conflict(&format!("--{}", flag.name), what)
            );
            text.clone_into(field);
        }
    }
    Ok(())
}

/// Says why a `--network` cannot be taken.
pub(super) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop).map_err(|error| error.to_string())
}

/// Six bytes, with colons or dashes between them.
fn is_hardware_address(text: &str) -> bool {
    let byte = |part: &str| part.len() == 2 && u8::from_str_radix(part, 16).is_ok();
    let parts: Vec<&str> = text.split([':', '-']).collect();
    parts.len() == 6 && parts.into_iter().all(byte)
}

/// A name or ID, or fields as `name=web,alias=www,ip=10.0.0.2`.
fn parse(text: &str) -> anyhow::Result<Attachment> {
    let mut attachment = Attachment {
        network: text.to_owned(),
        config: EndpointConfig::default(),
    };
    if !has_fields(text) {
        return Ok(attachment);
    }
    attachment.network.clear();
    for field in text.split(',') {
        let Some((key, value)) = field.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            bail!("invalid field {field}");
        };
        let (key, value) = (key.trim().to_lowercase(), value.trim().to_lowercase());
        let config = &mut attachment.config;
        match key.as_str() {
            "name" => attachment.network = value,
            "alias" => config.aliases.push(value),
            "ip" => config.ipv4_address = value,
            "ip6" => config.ipv6_address = value,
            "mac-address" => config.mac_address = value,
            "gw-priority" => match value.parse() {
                Ok(number) => config.gw_priority = number,
                Err(_) => bail!("invalid gw-priority ({value}): invalid syntax"),
            },
            "link-local-ip" | "driver-opt" => bail!(
                "{key} is not supported: a container has one address of each kind in a network"
            ),
            _ => bail!("invalid field key {key}"),
        }
    }
    ensure!(
        !attachment.network.is_empty(),
        "network name/id is not specified"
    );
    Ok(attachment)
}

/// Whether the text has an equals sign between letters, as Docker decides.
fn has_fields(text: &str) -> bool {
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    text.split_once('=')
        .is_some_and(|(key, value)| key.ends_with(word) && value.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let plain = parse("web").unwrap();
        assert_eq!(
            (plain.network.as_str(), plain.config),
            ("web", EndpointConfig::default())
        );
        let full = parse(
            "name=web,alias=a,alias=B,ip=10.0.0.2,mac-address=02:00:00:00:00:01,gw-priority=-3",
        )
        .unwrap();
        assert_eq!(full.network, "web");
        assert_eq!(full.config.aliases, ["a", "b"]);
        assert_eq!(
            (full.config.ipv4_address.as_str(), full.config.gw_priority),
            ("10.0.0.2", -3)
        );
        for (text, expected) in [
            ("alias=x", "network name/id is not specified"),
            ("name=a,b", "invalid field b"),
            ("name=a,colour=b", "invalid field key colour"),
            (
                "name=a,gw-priority=x",
                "invalid gw-priority (x): invalid syntax",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
    }
}
