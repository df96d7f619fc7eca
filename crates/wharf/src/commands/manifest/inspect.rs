//! `wharf manifest inspect`: a manifest as a registry serves it.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const INSECURE: Flag = Flag::switch("insecure", "Allow communication with an insecure registry");
const VERBOSE: Flag = Flag::switch(
    "verbose",
    "Output additional info including layers and platform",
)
.letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    summary: "Display an image manifest, or manifest list",
    flags: &[INSECURE, VERBOSE],
    positionals: Positionals::Between(1, 2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
