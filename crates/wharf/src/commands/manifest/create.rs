//! `wharf manifest create`: begins a manifest list on this machine.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const AMEND: Flag = Flag::switch("amend", "Amend an existing manifest list").letter('a');
const INSECURE: Flag = Flag::switch("insecure", "Allow communication with an insecure registry");

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "MANIFEST_LIST MANIFEST [MANIFEST...]",
    summary: "Create a local manifest list for annotating and pushing to a registry",
    flags: &[AMEND, INSECURE],
    positionals: Positionals::AtLeast(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
