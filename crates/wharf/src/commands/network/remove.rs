//! `wharf network rm`: networks go.

use std::process::ExitCode;

use wharf_engine::ErrorKind;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::container::words::for_each;
use crate::session::Session;

const FORCE: Flag = Flag::switch("force", "Do not error if the network does not exist").letter('f');

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    other_names: &["remove"],
    spellings: &["wharf network rm", "wharf network remove"],
    synopsis: "NETWORK [NETWORK...]",
    summary: "Remove one or more networks",
    flags: &[FORCE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let force = matches.is_set(&FORCE);
    let mut there = matches.arguments.clone();
    if force {
        // Docker says nothing of those that are not there, not even that they are gone.
        there.retain(|network| match session.engine().network(network) {
            Err(missing) => missing.kind() != ErrorKind::NotFound,
            Ok(_) => true,
        });
    }
    let removed = for_each(session, &there, |network| {
        session.engine().remove_network(network).map(drop)
    });
    // Docker's client says so, too.
    removed.map_err(|failures| anyhow::anyhow!("{failures}\nexit status 1"))
}
