//! `wharf logout`: forgets what `wharf login` kept.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "logout",
    synopsis: "[SERVER]",
    summary: "Log out from a registry",
    description: "Log out from a registry.\nIf no server is specified, the default is Docker Hub.",
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
