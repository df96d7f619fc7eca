//! `wharf tag`: one more name for an image.

use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "tag",
    spellings: &["wharf image tag", "wharf tag"],
    synopsis: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    positionals: Positionals::Exactly(2),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
