//! `wharf login`: proves who you are to a registry, and keeps the proof.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const PASSWORD: Flag =
    Flag::text("password", "Password or Personal Access Token (PAT)").letter('p');
const PASSWORD_STDIN: Flag = Flag::switch(
    "password-stdin",
    "Take the Password or Personal Access Token (PAT) from stdin",
);
const USERNAME: Flag = Flag::text("username", "Username").letter('u');

pub(crate) const COMMAND: Command = Command {
    name: "login",
    synopsis: "[OPTIONS] [SERVER]",
    summary: "Authenticate to a registry",
    description: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
    flags: &[PASSWORD, PASSWORD_STDIN, USERNAME],
    positionals: Positionals::AtMost(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
