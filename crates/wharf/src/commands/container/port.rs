//! `wharf port`: where a container's ports are published.

use std::process::ExitCode;

use wharf_runtime::network::bracketed;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "port",
    spellings: &["wharf container port", "wharf port"],
    synopsis: "CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary: "List port mappings or a specific mapping for the container",
    positionals: Positionals::Between(1, 2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let name = matches.argument(0);
    let container = session.engine().container(name).found_by_daemon()?;
    let engine = session.engine();
    let places = if container.state.status.is_alive() {
        let id = &container.record.id;
        engine.container_networks(id).found_by_daemon()?
    } else {
        Vec::new()
    };
    let wanted = match matches.argument(1) {
        "" => None,
        port if port.contains('/') => Some(port.to_owned()),
        port => Some(format!("{port}/tcp")),
    };
    let mut lines: Vec<String> = places
        .iter()
        .flat_map(|place| &place.ports)
        .map(|taken| {
            (
                format!("{}/{}", taken.container_port, taken.protocol),
                taken,
            )
        })
        .filter(|(port, _)| wanted.as_ref().is_none_or(|wanted| wanted == port))
        .map(|(port, taken)| {
            let place = format!("{}:{}", bracketed(taken.host_ip), taken.host_port);
            match wanted {
                Some(_) => place,
                None => format!("{port} -> {place}"),
            }
        })
        .collect();
    if wanted.is_some() && lines.is_empty() {
        let port = matches.argument(1);
        anyhow::bail!("Error: No public port '{port}' published for {name}");
    }
    lines.sort();
    for line in lines {
        session.printer().line(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}
