//! `wharf network inspect`: everything that is known of networks.

use std::process::ExitCode;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::commands::image::inspect::inspect;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::container_types::network_type;
use crate::formatting::inspect::{Described, Inspector};
use crate::session::Session;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const VERBOSE: Flag = Flag::switch("verbose", "Verbose output for diagnostics").letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] NETWORK [NETWORK...]",
    summary: "Display detailed information on one or more networks",
    flags: &[FORMAT, VERBOSE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let inspector = Inspector::new(matches.text(&FORMAT))?;
    inspect(session, inspector, &matches.arguments, |network| {
        Ok(document(session, network).found_by_daemon()?)
    })
}

/// The network as Docker's API describes it.
pub(crate) fn document(session: &Session, name: &str) -> anyhow::Result<Described> {
    let network = session.engine().network(name)?;
    Ok(Described {
        document: serde_json::to_vec(&network.described())?,
        of: network_type,
    })
}
