//! `wharf volume inspect`: everything that is known of volumes.

use std::process::ExitCode;

use wharf_engine::described_volume;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::commands::image::inspect::inspect;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::container_types::volume_type;
use crate::formatting::inspect::{Described, Inspector};
use crate::session::Session;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] VOLUME [VOLUME...]",
    summary: "Display detailed information on one or more volumes",
    flags: &[FORMAT],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let inspector = Inspector::new(matches.text(&FORMAT))?;
    inspect(session, inspector, &matches.arguments, |volume| {
        Ok(document(session, volume).found_by_daemon()?)
    })
}

/// The volume as Docker's API describes it.
pub(crate) fn document(session: &Session, name: &str) -> anyhow::Result<Described> {
    let volume = session.engine().volume(name)?;
    Ok(Described {
        document: serde_json::to_vec(&described_volume(&volume))?,
        of: volume_type,
    })
}
