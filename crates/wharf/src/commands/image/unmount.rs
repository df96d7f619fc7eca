//! `wharf image unmount`: ends what `wharf image mount` began.

use std::path::Path;
use std::process::ExitCode;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "unmount",
    other_names: &["umount"],
    spellings: &["wharf image unmount", "wharf image umount"],
    synopsis: "DIRECTORY [DIRECTORY...]",
    summary: "Unmount images from their directories",
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    for folder in &matches.arguments {
        session.engine().unmount_image(Path::new(folder))?;
    }
    Ok(ExitCode::SUCCESS)
}
