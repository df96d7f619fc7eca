//! `wharf inspect`: everything that is known of an object, whatever it is.

use std::process::ExitCode;

use wharf_engine::{EngineError, ErrorKind};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, quoted};
use crate::commands::format_option::FORMAT_USAGE;
use crate::commands::image::inspect::{document, inspect};
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::inspect::{Inspector, image_type};
use crate::session::Session;

/// What Docker can inspect; of these, Wharf has images.
const TYPES: [&str; 10] = [
    "config",
    "container",
    "image",
    "network",
    "node",
    "plugin",
    "secret",
    "service",
    "task",
    "volume",
];

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const SIZE: Flag =
    Flag::switch("size", "Display total file sizes if the type is container").letter('s');
const TYPE: Flag = Flag::text("type", "Only inspect objects of the given type");

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] NAME|ID [NAME|ID...]",
    summary: "Return low-level information on Wharf objects",
    flags: &[FORMAT, SIZE, TYPE],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let kind = matches.text(&TYPE);
    if matches.is_given(&TYPE) && !TYPES.contains(&kind) {
        let known = TYPES.map(quoted).join(", ");
        anyhow::ensure!(!kind.is_empty(), "type is empty: must be one of {known}");
        anyhow::bail!("unknown type: {}: must be one of {known}", quoted(kind));
    }
    let inspector = Inspector::new(matches.text(&FORMAT), image_type)?;
    inspect(session, inspector, &matches.arguments, |name| match kind {
        "image" => Ok(document(session, name, None).found_by_daemon()?),
        "" => document(session, name, None).map_err(|failure| not_there(name, failure)),
        _ => anyhow::bail!("Error: No such {kind}: {name}"),
    })
}

/// Where any kind of object would do, Docker does not say what it looked for.
fn not_there(name: &str, failure: anyhow::Error) -> anyhow::Error {
    let malformed = failure
        .downcast_ref::<wharf_oci::ReferenceError>()
        .is_some();
    let missing = failure
        .downcast_ref::<EngineError>()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound);
    if malformed || missing {
        anyhow::anyhow!("Error: No such object: {name}")
    } else {
        failure
    }
}
