//! `wharf save`: images of the store as an archive.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const OUTPUT: Flag = Flag::text("output", "Write to a file, instead of STDOUT").letter('o');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);

pub(crate) const COMMAND: Command = Command {
    name: "save",
    spellings: &["wharf image save", "wharf save"],
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    flags: &[OUTPUT, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
