//! `wharf unshare`: a command where an ordinary user may mount.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "unshare",
    synopsis: "[COMMAND [ARG...]]",
    summary: "Run a command in a user and mount namespace, where images can be mounted",
    positionals: Positionals::AtLeast(0),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
