//! `wharf network connect`: a container comes into one more network.

use std::process::ExitCode;

use wharf_engine::EndpointConfig;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const ALIAS: Flag = Flag::comma_list("alias", "Add network-scoped alias for the container");
const DRIVER_OPT: Flag = Flag::comma_list("driver-opt", "driver options for the network");
const GW_PRIORITY: Flag = Flag::number(
    "gw-priority",
    "Highest gw-priority provides the default gateway. Accepts positive and negative values.",
);
const IP: Flag = Flag::text("ip", "IPv4 address (e.g., \"172.30.100.104\")");
const IP6: Flag = Flag::text("ip6", "IPv6 address (e.g., \"2001:db8::33\")");
const LINK: Flag = Flag::list("link", "Add link to another container");
const LINK_LOCAL_IP: Flag = Flag::comma_list(
    "link-local-ip",
    "Add a link-local address for the container",
);

pub(crate) const COMMAND: Command = Command {
    name: "connect",
    synopsis: "[OPTIONS] NETWORK CONTAINER",
    summary: "Connect a container to a network",
    flags: &[ALIAS, DRIVER_OPT, GW_PRIORITY, IP, IP6, LINK, LINK_LOCAL_IP],
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for (flag, why) in [
        (&LINK, "use --alias on the other container"),
        (
            &LINK_LOCAL_IP,
            "containers have one address in each network",
        ),
        (&DRIVER_OPT, "there are no options of places"),
    ] {
        anyhow::ensure!(
            !matches.is_given(flag),
            "--{} is not supported: {why}",
            flag.name
        );
    }
    let config = EndpointConfig {
        aliases: matches.list(&ALIAS).to_vec(),
        ipv4_address: matches.text(&IP).to_owned(),
        ipv6_address: matches.text(&IP6).to_owned(),
        mac_address: String::new(),
        gw_priority: matches.number(&GW_PRIORITY),
    };
    session
        .engine()
        .connect_network(matches.argument(0), matches.argument(1), &config)
        .found_by_daemon()?;
    Ok(ExitCode::SUCCESS)
}
