//! `wharf network create`: a bridge of one's own.

use std::collections::BTreeMap;
use std::process::ExitCode;

use wharf_engine::NetworkRequest;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const ATTACHABLE: Flag = Flag::switch("attachable", "Enable manual container attachment");
const AUX_ADDRESS: Flag = Flag::list(
    "aux-address",
    "Auxiliary IPv4 or IPv6 addresses used by Network driver (default map[])",
)
.takes("map");
const CONFIG_FROM: Flag = Flag::text(
    "config-from",
    "The network from which to copy the configuration",
);
const CONFIG_ONLY: Flag = Flag::switch("config-only", "Create a configuration only network");
const DRIVER: Flag = Flag::text("driver", "Driver to manage the Network")
    .letter('d')
    .default("bridge");
const GATEWAY: Flag = Flag::comma_list("gateway", "IPv4 or IPv6 Gateway for the master subnet");
const INGRESS: Flag = Flag::switch("ingress", "Create swarm routing-mesh network");
const INTERNAL: Flag = Flag::switch("internal", "Restrict external access to the network");
const IP_RANGE: Flag = Flag::comma_list("ip-range", "Allocate container ip from a sub-range");
const IPAM_DRIVER: Flag =
    Flag::text("ipam-driver", "IP Address Management Driver").default("default");
const IPAM_OPT: Flag = Flag::list(
    "ipam-opt",
    "Set IPAM driver specific options (default map[])",
)
.takes("map");
const IPV4: Flag =
    Flag::switch("ipv4", "Enable or disable IPv4 address assignment").default("true");
const IPV6: Flag = Flag::switch("ipv6", "Enable or disable IPv6 address assignment");
const LABEL: Flag = Flag::list("label", "Set metadata on a network");
const OPT: Flag = Flag::list("opt", "Set driver specific options (default map[])")
    .letter('o')
    .takes("map");
const SCOPE: Flag = Flag::text("scope", "Control the network's scope");
const SUBNET: Flag = Flag::comma_list(
    "subnet",
    "Subnet in CIDR format that represents a network segment",
);

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "[OPTIONS] NETWORK",
    summary: "Create a network",
    flags: &[
        ATTACHABLE,
        AUX_ADDRESS,
        CONFIG_FROM,
        CONFIG_ONLY,
        DRIVER,
        GATEWAY,
        INGRESS,
        INTERNAL,
        IP_RANGE,
        IPAM_DRIVER,
        IPAM_OPT,
        IPV4,
        IPV6,
        LABEL,
        OPT,
        SCOPE,
        SUBNET,
    ],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    refuse_what_is_not_there(matches)?;
    let request = request(matches)?;
    if !request.ipv6 && request.subnets.iter().any(|subnet| subnet.contains(':')) {
        let text = "WARNING: IPv6 subnets have no effect without --ipv6";
        session.printer().error_line(text);
    }
    let id = session
        .engine()
        .create_network(&request)
        .found_by_daemon()?;
    session.printer().line(&id)?;
    Ok(ExitCode::SUCCESS)
}

fn refuse_what_is_not_there(matches: &Matches) -> anyhow::Result<()> {
    let scope = matches.text(&SCOPE);
    let wishes = [
        (
            !matches.is_set(&IPV4),
            "--ipv4=false",
            "networks here have IPv4 addresses",
        ),
        (matches.is_set(&INGRESS), "--ingress", "there are no swarms"),
        (
            !matches!(scope, "" | "local"),
            "--scope",
            "networks are of this machine",
        ),
        (
            matches.is_set(&CONFIG_ONLY) || matches.is_given(&CONFIG_FROM),
            "--config-only and --config-from",
            "a network has its own configuration",
        ),
        (
            matches.text(&IPAM_DRIVER) != "default" || matches.is_given(&IPAM_OPT),
            "--ipam-driver and --ipam-opt",
            "addresses are given by Wharf",
        ),
    ];
    for (wished, option, why) in wishes {
        anyhow::ensure!(!wished, "{option} is not supported: {why}");
    }
    Ok(())
}

fn request(matches: &Matches) -> anyhow::Result<NetworkRequest> {
    let (subnets, ranges) = (matches.list(&SUBNET), matches.list(&IP_RANGE));
    let gateways = matches.list(&GATEWAY);
    anyhow::ensure!(
        subnets.len() >= ranges.len() && subnets.len() >= gateways.len(),
        "every ip-range or gateway must have a corresponding subnet"
    );
    let several = |is_meant: fn(&&String) -> bool| subnets.iter().filter(is_meant).count() > 1;
    anyhow::ensure!(
        !several(|subnet| subnet.contains(':')) && !several(|subnet| !subnet.contains(':')),
        "bridge driver doesn't support multiple subnets"
    );
    Ok(NetworkRequest {
        name: matches.argument(0).to_owned(),
        driver: matches.text(&DRIVER).to_owned(),
        ipv6: matches.is_set(&IPV6),
        subnets: subnets.to_vec(),
        ip_ranges: ranges.to_vec(),
        gateways: gateways.to_vec(),
        auxiliary: pairs(matches.list(&AUX_ADDRESS)),
        internal: matches.is_set(&INTERNAL),
        attachable: matches.is_set(&ATTACHABLE),
        options: pairs(matches.list(&OPT)),
        labels: pairs(matches.list(&LABEL)),
    })
}

fn pairs(texts: &[String]) -> BTreeMap<String, String> {
    texts
        .iter()
        .map(|text| text.split_once('=').unwrap_or((text, "")))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}
