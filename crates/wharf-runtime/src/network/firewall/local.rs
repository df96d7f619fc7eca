//! A redirected port within the network of one container.

use std::net::Ipv4Addr;

use super::rules::LIMIT;
use crate::network::program;

/// Leads packets of this thread's network for `from` to `to`, at an address of its loopback. Whether that could be done.
pub(in crate::network) fn redirect_local_port(address: Ipv4Addr, from: u16, to: u16) -> bool {
    if let Some(nft) = program::find("nft") {
        let rule = |protocol: &str| {
            format!(
                "add rule ip wharf-names output ip daddr {address} {protocol} dport {from} dnat to {address}:{to}\n"
            )
        };
        let script = format!(
            "add table ip wharf-names\nadd chain ip wharf-names output {{ type nat hook output priority -100; }}\n{}{}",
            rule("udp"),
            rule("tcp")
        );
        return program::run(&nft, &["-f", "-"], &script, LIMIT).is_ok();
    }
    let Some(iptables) = program::find("iptables") else {
        return false;
    };
    let (place, address, from) = (
        format!("{address}:{to}"),
        address.to_string(),
        from.to_string(),
    );
    ["udp", "tcp"].iter().all(|protocol| {
        let rule = [
            "-w",
            "-t",
            "nat",
            "-A",
            "OUTPUT",
            "-d",
            &address,
            "-p",
            protocol,
            "--dport",
            &from,
            "-j",
            "DNAT",
            "--to-destination",
            &place,
        ];
        program::run(&iptables, &rule, "", LIMIT).is_ok()
    })
}
