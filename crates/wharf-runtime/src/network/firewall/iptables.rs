//! The same rules for iptables, in chains of our own.

use std::path::Path;

use crate::network::bridge::BridgeNetwork;
use crate::network::program::{self, ProgramError};

use super::rules::{LIMIT, PublishedPort};

/// A rule: table, chain, and what follows.
type Rule = (&'static str, String, Vec<String>);

/// As many rules of ours as are removed at most when everything goes.
const JUMPS_LIMIT: usize = 16;

pub(super) fn add_network(
    iptables: &Path,
    name: &str,
    network: &BridgeNetwork,
) -> Result<(), ProgramError> {
    let chains = Chains::of(name);
    for (table, chain) in [
        ("nat", &chains.nat),
        ("nat", &chains.post),
        ("filter", &chains.forward),
    ] {
        if !succeeds(iptables, &["-t", table, "-n", "-L", chain])? {
            call(iptables, &["-t", table, "-N", chain])?;
        }
    }
    for (table, chain, rule) in chains.jumps() {
        ensure(iptables, "-I", table, &chain, &rule)?;
    }
    let (first, last) = rules_of(&chains, network);
    for (verb, rules) in [("-I", first), ("-A", last)] {
        for (table, chain, rule) in rules {
            ensure(iptables, verb, table, &chain, &rule)?;
        }
    }
    Ok(())
}

pub(super) fn remove_network(
    iptables: &Path,
    name: &str,
    network: &BridgeNetwork,
) -> Result<(), ProgramError> {
    let chains = Chains::of(name);
    let (first, last) = rules_of(&chains, network);
    for (table, chain, rule) in first.into_iter().chain(last) {
        forget(iptables, table, &chain, &rule)?;
    }
    Ok(())
}

pub(super) fn publish(
    iptables: &Path,
    name: &str,
    ports: &[PublishedPort],
) -> Result<(), ProgramError> {
    let chains = Chains::of(name);
    for (place, port) in ports.iter().enumerate() {
        let (table, chain, rule) = port_rule(&chains, port);
        if let Err(error) = ensure(iptables, "-I", table, &chain, &rule) {
            let made = ports.get(..place).unwrap_or_default();
            unpublish(iptables, name, made)?;
            return Err(error);
        }
    }
    Ok(())
}

pub(super) fn unpublish(
    iptables: &Path,
    name: &str,
    ports: &[PublishedPort],
) -> Result<(), ProgramError> {
    let chains = Chains::of(name);
    for port in ports {
        let (table, chain, rule) = port_rule(&chains, port);
        forget(iptables, table, &chain, &rule)?;
    }
    Ok(())
}

pub(super) fn remove_all(iptables: &Path, name: &str) -> Result<(), ProgramError> {
    let chains = Chains::of(name);
    for (table, chain, rule) in chains.jumps() {
        forget(iptables, table, &chain, &rule)?;
    }
    for (table, chain) in [
        ("nat", &chains.nat),
        ("nat", &chains.post),
        ("filter", &chains.forward),
    ] {
        if succeeds(iptables, &["-t", table, "-n", "-L", chain])? {
            call(iptables, &["-t", table, "-F", chain])?;
            call(iptables, &["-t", table, "-X", chain])?;
        }
    }
    Ok(())
}

/// Where nft has our rules, and somebody (Docker) lets iptables drop what is forwarded: lets our bridges' packets through there; ours
/// still decide.
pub(super) fn accept_forward(iptables: &Path, network: &BridgeNetwork) -> Result<(), ProgramError> {
    let shown = program::run(iptables, &["-w", "-S", "FORWARD"], "", LIMIT);
    if shown.is_ok_and(|text| text.lines().any(|line| line == "-P FORWARD DROP")) {
        for rule in past_forward(&network.device) {
            ensure(iptables, "-I", "filter", "FORWARD", &rule)?;
        }
    }
    Ok(())
}

pub(super) fn forget_forward(iptables: &Path, network: &BridgeNetwork) -> Result<(), ProgramError> {
    let shown = program::run(iptables, &["-w", "-S", "FORWARD"], "", LIMIT).unwrap_or_default();
    if shown.contains(&format!(" {} ", network.device)) {
        for rule in past_forward(&network.device) {
            forget(iptables, "filter", "FORWARD", &rule)?;
        }
    }
    Ok(())
}

fn past_forward(device: &str) -> [Vec<String>; 2] {
    [
        words(&format!("-i {device} -j ACCEPT")),
        words(&format!("-o {device} -j ACCEPT")),
    ]
}

struct Chains {
    /// To containers.
    nat: String,
    /// From containers.
    post: String,
    /// Who may talk to whom.
    forward: String,
}

impl Chains {
    fn of(name: &str) -> Self {
        let upper = name.to_ascii_uppercase();
        Self {
            nat: upper.clone(),
            post: format!("{upper}-POST"),
            forward: format!("{upper}-FORWARD"),
        }
    }

    fn jumps(&self) -> [Rule; 4] {
        let local = format!("-m addrtype --dst-type LOCAL -j {}", self.nat);
        let not_loopback = format!("! -d 127.0.0.0/8 {local}");
        [
            ("nat", "PREROUTING".to_owned(), words(&local)),
            ("nat", "OUTPUT".to_owned(), words(&not_loopback)),
            (
                "nat",
                "POSTROUTING".to_owned(),
                words(&format!("-j {}", self.post)),
            ),
            (
                "filter",
                "FORWARD".to_owned(),
                words(&format!("-j {}", self.forward)),
            ),
        ]
    }
}

/// What is inserted at the top, the last of it first, and what is added at the end: all that forbids the way to a bridge stands before
/// all that allows the way from one.
fn rules_of(chains: &Chains, network: &BridgeNetwork) -> (Vec<Rule>, Vec<Rule>) {
    let device = &network.device;
    let subnet = network.subnet.trunc();
    let forward = |text: &str| ("filter", chains.forward.clone(), words(text));
    let post = |text: &str| ("nat", chains.post.clone(), words(text));
    let same = forward(&format!("-i {device} -o {device} -j ACCEPT"));
    let none_in = forward(&format!("-o {device} -j DROP"));
    if network.internal {
        let none_out = forward(&format!("-i {device} -j DROP"));
        return (vec![none_in, none_out, same], Vec::new());
    }
    let answers = "-m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT";
    let first = vec![none_in, same, forward(&format!("-o {device} {answers}"))];
    let last = vec![
        forward(&format!("-i {device} -j ACCEPT")),
        post(&format!("-s {subnet} ! -o {device} -j MASQUERADE")),
        post(&format!(
            "-s {subnet} -o {device} -m conntrack --ctstate DNAT -j MASQUERADE"
        )),
    ];
    (first, last)
}

fn port_rule(chains: &Chains, port: &PublishedPort) -> Rule {
    let PublishedPort {
        host_ip,
        host_port,
        container,
        protocol,
    } = port;
    let at = if host_ip.is_unspecified() {
        String::new()
    } else {
        format!("-d {host_ip}/32 ")
    };
    let rule =
        format!("{at}-p {protocol} --dport {host_port} -j DNAT --to-destination {container}");
    ("nat", chains.nat.clone(), words(&rule))
}

fn ensure(
    iptables: &Path,
    verb: &str,
    table: &str,
    chain: &str,
    rule: &[String],
) -> Result<(), ProgramError> {
    let rule: Vec<&str> = rule.iter().map(String::as_str).collect();
    if succeeds(
        iptables,
        &[&["-t", table, "-C", chain], rule.as_slice()].concat(),
    )? {
        return Ok(());
    }
    call(
        iptables,
        &[&["-t", table, verb, chain], rule.as_slice()].concat(),
    )
}

fn forget(iptables: &Path, table: &str, chain: &str, rule: &[String]) -> Result<(), ProgramError> {
    let rule: Vec<&str> = rule.iter().map(String::as_str).collect();
    for _ in 0..JUMPS_LIMIT {
        if !succeeds(
            iptables,
            &[&["-t", table, "-D", chain], rule.as_slice()].concat(),
        )? {
            break;
        }
    }
    Ok(())
}

fn call(iptables: &Path, arguments: &[&str]) -> Result<(), ProgramError> {
    let arguments = [&["-w"], arguments].concat();
    program::run(iptables, &arguments, "", LIMIT).map(drop)
}

/// Whether it says yes; that it cannot be asked is an error.
fn succeeds(iptables: &Path, arguments: &[&str]) -> Result<bool, ProgramError> {
    match call(iptables, arguments) {
        Ok(()) => Ok(true),
        Err(ProgramError::Failed { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}
