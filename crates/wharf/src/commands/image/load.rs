//! `wharf load`: the images of an archive into the store.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Run};
use crate::session::Session;

const INPUT: Flag = Flag::text("input", "Read from tar archive file, instead of STDIN").letter('i');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress the load output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "load",
    spellings: &["wharf image load", "wharf load"],
    synopsis: "[OPTIONS]",
    summary: "Load an image from a tar archive or STDIN",
    flags: &[INPUT, PLATFORM, QUIET],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
