//! The table in nft's language.

use std::net::IpAddr;

use crate::network::bridge::BridgeNetwork;

use super::rules::PublishedPort;

/// What is done with elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Delete,
}

/// Which packets a table is for; both have the same rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Ipv4,
    Ipv6,
}

impl Family {
    /// Those that a network has.
    fn of(network: &BridgeNetwork) -> &'static [Self] {
        match network.ipv6 {
            Some(_) => &[Self::Ipv4, Self::Ipv6],
            None => &[Self::Ipv4],
        }
    }

    /// nft's word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Ipv4 => "ip",
            Self::Ipv6 => "ip6",
        }
    }

    fn address_type(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4_addr",
            Self::Ipv6 => "ipv6_addr",
        }
    }

    fn loopback(self) -> &'static str {
        match self {
            Self::Ipv4 => "127.0.0.0/8",
            Self::Ipv6 => "::1/128",
        }
    }
}

/// The tables that a network needs.
pub(super) fn tables(table: &str, network: &BridgeNetwork) -> String {
    let families = Family::of(network).iter();
    families.map(|family| table_of(*family, table)).collect()
}

/// The table with its sets and chains. What is there stays; the chains are filled anew, in one transaction with what follows.
fn table_of(family: Family, table: &str) -> String {
    let ip = family.word();
    let mut script = format!("add table {ip} {table}\n");
    let mut add = |line: &str| {
        let line = line.replace(" ip @ ", &format!(" {ip} {table} "));
        script += &line.replace("ipv4_addr", family.address_type());
        script.push('\n');
    };
    // Networks: bridges that have them, those among them without a way out, pairs of a bridge with itself, and addresses.
    add("add set ip @ bridges { type ifname; }");
    add("add set ip @ internal { type ifname; }");
    add("add set ip @ same { type ifname . ifname; }");
    add("add set ip @ subnets { type ipv4_addr; flags interval; }");
    // Ports: on every address of the host, and on one.
    add("add map ip @ anywhere { type inet_proto . inet_service : ipv4_addr . inet_service; }");
    add(
        "add map ip @ at { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }",
    );
    add("add chain ip @ prerouting { type nat hook prerouting priority dstnat; }");
    add("add chain ip @ output { type nat hook output priority -100; }");
    add("add chain ip @ postrouting { type nat hook postrouting priority srcnat; }");
    add("add chain ip @ forward { type filter hook forward priority filter; }");
    for chain in ["prerouting", "output", "postrouting", "forward"] {
        add(&format!("flush chain ip @ {chain}"));
    }
    // Here the sign is nft's own, before the name of a set.
    let mut rule = |chain: &str, rule: &str| {
        script.extend(["add rule ", ip, " ", table, " ", chain, " ", rule, "\n"]);
    };
    let to_one = &format!("dnat {ip} to {ip} daddr . meta l4proto . th dport map @at");
    let to_any =
        &format!("fib daddr type local dnat {ip} to meta l4proto . th dport map @anywhere");
    rule("prerouting", to_one);
    rule("prerouting", to_any);
    // The host's loopback is served by the proxy: its addresses must not leave the host.
    let elsewhere = format!("{ip} daddr != {}", family.loopback());
    rule("output", &format!("{elsewhere} {to_one}"));
    rule("output", &format!("{elsewhere} {to_any}"));
    let out = format!("{ip} saddr @subnets oifname");
    rule("postrouting", &format!("{out} != @bridges masquerade"));
    // A container that asks for a port of its own network through the host: the answer has to come back through the host.
    rule(
        "postrouting",
        &format!("{out} @bridges ct status dnat masquerade"),
    );
    rule("forward", "ct state established,related accept");
    rule("forward", "iifname . oifname @same accept");
    rule("forward", "iifname @internal drop");
    rule("forward", "oifname @internal drop");
    rule("forward", "oifname @bridges ct status dnat accept");
    rule("forward", "oifname @bridges drop");
    script
}

/// Adds or deletes a network.
pub(super) fn network(verb: Verb, table: &str, network: &BridgeNetwork) -> String {
    let device = format!("\"{}\"", network.device);
    let mut script = String::new();
    for family in Family::of(network) {
        let mut elements = vec![
            ("bridges", device.clone()),
            ("same", format!("{device} . {device}")),
        ];
        let subnet = match (family, &network.ipv6) {
            (Family::Ipv6, Some(side)) => side.subnet.trunc().to_string(),
            _ => network.subnet.trunc().to_string(),
        };
        if network.internal {
            elements.push(("internal", device.clone()));
        } else {
            elements.push(("subnets", subnet));
        }
        for (set, element) in elements {
            let ip = family.word();
            script += &lines(verb, &format!("element {ip} {table} {set} {{ {element} }}"));
        }
    }
    script
}

/// Adds or deletes ports.
pub(super) fn ports(verb: Verb, table: &str, published: &[PublishedPort]) -> String {
    let element = |port: &PublishedPort| {
        let container = port.container;
        let target = format!("{} . {}", container.ip(), container.port());
        let (map, key) = place(table, port);
        lines(verb, &format!("element {map} {{ {key} : {target} }}"))
    };
    let lines: Vec<String> = published.iter().map(element).collect();
    lines.concat()
}

/// Deletes a port whoever it leads to. It fails where there is none.
pub(super) fn forgotten(table: &str, port: &PublishedPort) -> String {
    let (map, key) = place(table, port);
    format!("delete element {map} {{ {key} }}\n")
}

/// In which map a port stands, and by which key.
fn place(table: &str, port: &PublishedPort) -> (String, String) {
    let PublishedPort {
        host_ip,
        host_port,
        container,
        protocol,
    } = port;
    let family = match container.ip() {
        IpAddr::V4(_) => Family::Ipv4,
        IpAddr::V6(_) => Family::Ipv6,
    };
    let (map, key) = if host_ip.is_unspecified() {
        ("anywhere", format!("{protocol} . {host_port}"))
    } else {
        ("at", format!("{host_ip} . {protocol} . {host_port}"))
    };
    (format!("{} {table} {map}", family.word()), key)
}

/// What is deleted is added first: that is nothing if it is there, and if it is not, deleting succeeds all the same.
fn lines(verb: Verb, element: &str) -> String {
    match verb {
        Verb::Add => format!("add {element}\n"),
        Verb::Delete => format!("add {element}\ndelete {element}\n"),
    }
}
