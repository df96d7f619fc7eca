//! `wharf container inspect`: everything that is known of containers.

use std::process::ExitCode;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::commands::image::inspect::inspect;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::container_types::container_type;
use crate::formatting::inspect::{Described, Inspector};
use crate::session::Session;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const SIZE: Flag = Flag::switch("size", "Display total file sizes").letter('s');

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] CONTAINER [CONTAINER...]",
    summary: "Display detailed information on one or more containers",
    flags: &[FORMAT, SIZE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::TouchedWith(&SIZE),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let inspector = Inspector::new(matches.text(&FORMAT))?;
    let sizes = matches.is_set(&SIZE);
    inspect(session, inspector, &matches.arguments, |container| {
        Ok(document(session, container, sizes).found_by_daemon()?)
    })
}

/// The container as Docker's API describes it.
pub(crate) fn document(session: &Session, name: &str, sizes: bool) -> anyhow::Result<Described> {
    let engine = session.engine();
    let inspected = engine.inspect_container(&engine.container(name)?, sizes)?;
    Ok(Described {
        document: serde_json::to_vec(&inspected)?,
        of: container_type,
    })
}
