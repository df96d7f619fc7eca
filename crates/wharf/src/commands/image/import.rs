//! `wharf import`: a root file system as an image.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const CHANGE: Flag = Flag::list(
    "change",
    "Apply Dockerfile instruction to the created image",
)
.letter('c');
const MESSAGE: Flag = Flag::text("message", "Set commit message for imported image").letter('m');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Set platform if server is multi-platform capable",
);

pub(crate) const COMMAND: Command = Command {
    name: "import",
    spellings: &["wharf image import", "wharf import"],
    synopsis: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary: "Import the contents from a tarball to create a filesystem image",
    flags: &[CHANGE, MESSAGE, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
