//! `wharf image inspect`: everything that is known of images.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

use crate::commands::format_option::FORMAT_USAGE;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Inspect a specific platform of the multi-platform image.\n\
     If the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n\
     'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
);

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Display detailed information on one or more images",
    flags: &[FORMAT, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
