//! `wharf rm`: containers go.

use std::process::ExitCode;

use wharf_engine::ErrorKind;

use super::words::for_each;
use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const FORCE: Flag = Flag::switch(
    "force",
    "Force the removal of a running container (uses SIGKILL)",
)
.letter('f');
const LINK: Flag = Flag::switch("link", "Remove the specified link").letter('l');
const VOLUMES: Flag = Flag::switch(
    "volumes",
    "Remove anonymous volumes associated with the container",
)
.letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    other_names: &["remove"],
    spellings: &["wharf container rm", "wharf container remove", "wharf rm"],
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Remove one or more containers",
    flags: &[FORCE, LINK, VOLUMES],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !matches.is_set(&LINK),
        "--link is not supported: Wharf's networks find containers by their names"
    );
    let force = matches.is_set(&FORCE);
    for_each(session, &matches.arguments, |container| {
        let engine = session.engine();
        match engine.remove_container(container, force, matches.is_set(&VOLUMES)) {
            // With --force it is no failure that there is none, but it is told.
            Err(missing) if force && missing.kind() == ErrorKind::NotFound => {
                let text = format!("Error response from daemon: {missing}");
                session.printer().error_line(&text);
                Ok(())
            }
            outcome => outcome,
        }
    })
}
