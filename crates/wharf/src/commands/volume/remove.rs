//! `wharf volume rm`: volumes go, with what is in them.

use std::process::ExitCode;

use wharf_engine::ErrorKind;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::commands::container::words::for_each;
use crate::session::Session;

const FORCE: Flag = Flag::switch("force", "Force the removal of one or more volumes").letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    other_names: &["remove"],
    spellings: &["wharf volume rm", "wharf volume remove"],
    synopsis: "[OPTIONS] VOLUME [VOLUME...]",
    summary: "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
    flags: &[FORCE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let force = matches.is_set(&FORCE);
    for_each(session, &matches.arguments, |volume| {
        match session.engine().remove_volume(volume) {
            // With --force it is no failure that there is none.
            Err(missing) if force && missing.kind() == ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    })
}
