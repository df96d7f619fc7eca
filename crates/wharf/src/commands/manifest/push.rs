//! `wharf manifest push`: sends a manifest list to its registry.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const INSECURE: Flag = Flag::switch("insecure", "Allow push to an insecure registry");
const PURGE: Flag = Flag::switch("purge", "Remove the local manifest list after push").letter('p');

pub(crate) const COMMAND: Command = Command {
    name: "push",
    synopsis: "[OPTIONS] MANIFEST_LIST",
    summary: "Push a manifest list to a repository",
    flags: &[INSECURE, PURGE],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
