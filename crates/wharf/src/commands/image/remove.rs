//! `wharf rmi`: takes names, and images without names, out of the store.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const FORCE: Flag = Flag::switch("force", "Force removal of the image").letter('f');
const NO_PRUNE: Flag = Flag::switch("no-prune", "Do not delete untagged parents");
const PLATFORM: Flag = Flag::comma_list(
    "platform",
    "Remove only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    other_names: &["remove"],
    spellings: &["wharf image rm", "wharf image remove", "wharf rmi"],
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Remove one or more images",
    flags: &[FORCE, NO_PRUNE, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::bail!("not wired: {}", matches.called_as)
}
