//! `wharf network disconnect`: a container leaves a network.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

const FORCE: Flag =
    Flag::switch("force", "Force the container to disconnect from a network").letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "disconnect",
    synopsis: "[OPTIONS] NETWORK CONTAINER",
    summary: "Disconnect a container from a network",
    flags: &[FORCE],
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (network, container) = (matches.argument(0), matches.argument(1));
    session
        .engine()
        .disconnect_network(network, container, matches.is_set(&FORCE))
        .found_by_daemon()?;
    Ok(ExitCode::SUCCESS)
}
