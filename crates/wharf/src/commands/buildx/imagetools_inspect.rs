//! `wharf buildx imagetools inspect`: what a registry holds under a name.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const BUILDER: Flag = Flag::text("builder", "No effect: there are no builder instances").hidden();
const FORMAT: Flag =
    Flag::text("format", "Format the output using the given Go template").default("{{.Manifest}}");
const RAW: Flag = Flag::switch("raw", "Show original, unformatted JSON manifest");

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] NAME",
    summary: "Show details of an image in the registry",
    flags: &[BUILDER, FORMAT, RAW],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
