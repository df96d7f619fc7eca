//! `wharf port`: where a container's ports are published.

use std::process::ExitCode;

use wharf_engine::PortPlace;

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
    let bindings = &container.record.host_config.port_bindings;
    let alive = container.state.status.is_alive();
    let published = bindings.iter().filter(|_| alive);
    let wanted = match matches.argument(1) {
        "" => None,
        port if port.contains('/') => Some(port.to_owned()),
        port => Some(format!("{port}/tcp")),
    };
    let mut lines: Vec<String> = published
        .flat_map(|(port, places)| places.iter().map(move |place| (port, shown(place))))
        .filter(|(port, _)| wanted.as_ref().is_none_or(|wanted| wanted == *port))
        .map(|(port, place)| match wanted {
            Some(_) => place,
            None => format!("{port} -> {place}"),
        })
        .collect();
    if let Some(port) = wanted.filter(|_| lines.is_empty()) {
        anyhow::bail!("no public port '{port}' published for {name}");
    }
    lines.sort();
    for line in lines {
        session.printer().line(&line)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(place: &PortPlace) -> String {
    let port = &place.host_port;
    match place.host_ip.as_str() {
        "" => format!("0.0.0.0:{port}"),
        ip if ip.contains(':') => format!("[{ip}]:{port}"),
        ip => format!("{ip}:{port}"),
    }
}
