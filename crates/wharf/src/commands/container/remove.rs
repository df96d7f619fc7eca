//! `wharf rm`: containers go.

use std::process::ExitCode;

use wharf_engine::ErrorKind;

use super::words::for_each;
use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
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
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        !matches.is_set(&LINK),
        "--link is not supported: Wharf's networks find containers by their names"
    );
    let force = matches.is_set(&FORCE);
    let engine = session.engine();
    let mut there = matches.arguments.clone();
    if force {
        // Then it is no failure that there is none, but it is told.
        there.retain(|container| match engine.container_id(container) {
            Err(missing) if missing.kind() == ErrorKind::NotFound => {
                let text = format!("Error response from daemon: {missing}");
                session.printer().error_line(&text);
                false
            }
            _ => true,
        });
    }
    for_each(session, &there, |container| {
        engine.remove_container(container, force, matches.is_set(&VOLUMES))
    })
}
