//! `wharf image mount`: the files of an image at a folder.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const WRITABLE: Flag = Flag::switch(
    "writable",
    "Allow writing; what is written is dropped by unmount",
)
.letter('w');

pub(crate) const COMMAND: Command = Command {
    name: "mount",
    synopsis: "[OPTIONS] IMAGE DIRECTORY",
    summary: "Show the files of an image at a directory",
    positionals: Positionals::Exactly(2),
    flags: &[WRITABLE],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
