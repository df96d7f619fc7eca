//! `wharf inspect`: everything that is known of an object, whatever it is.

use std::process::ExitCode;

use wharf_engine::{EngineError, ErrorKind};

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run, quoted};
use crate::commands::container::inspect as container;
use crate::commands::format_option::FORMAT_USAGE;
use crate::commands::image::inspect::{self as image, inspect};
use crate::commands::network::inspect as network;
use crate::commands::volume::inspect as volume;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::inspect::{Described, Inspector};
use crate::session::Session;

/// What Docker can inspect; of these, Wharf has containers, images, networks and volumes.
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
    files: Files::TouchedWith(&SIZE),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let kind = matches.text(&TYPE);
    if matches.is_given(&TYPE) && !TYPES.contains(&kind) {
        let known = TYPES.map(quoted).join(", ");
        anyhow::ensure!(!kind.is_empty(), "type is empty: must be one of {known}");
        anyhow::bail!("unknown type: {}: must be one of {known}", quoted(kind));
    }
    let sizes = matches.is_set(&SIZE);
    let inspector = Inspector::new(matches.text(&FORMAT))?;
    inspect(session, inspector, &matches.arguments, |name| match kind {
        "container" => Ok(container::document(session, name, sizes).found_by_daemon()?),
        "image" => Ok(image::document(session, name, None).found_by_daemon()?),
        "network" => Ok(network::document(session, name).found_by_daemon()?),
        "volume" => Ok(volume::document(session, name).found_by_daemon()?),
        "" => anything(session, name, sizes),
        _ => anyhow::bail!("Error: No such {kind}: {name}"),
    })
}

/// What has that name: Docker's order is containers, images, networks, volumes.
fn anything(session: &Session, name: &str, sizes: bool) -> anyhow::Result<Described> {
    let kinds: [&dyn Fn() -> anyhow::Result<Described>; 4] = [
        &|| container::document(session, name, sizes),
        &|| image::document(session, name, None),
        &|| network::document(session, name),
        &|| volume::document(session, name),
    ];
    for described in kinds {
        match described() {
            Err(failure) if is_missing(&failure) => (),
            found_or_failed => return found_or_failed,
        }
    }
    // Where any kind of object would do, Docker does not say what it looked for.
    anyhow::bail!("Error: No such object: {name}")
}

fn is_missing(failure: &anyhow::Error) -> bool {
    let malformed = failure
        .downcast_ref::<wharf_oci::ReferenceError>()
        .is_some();
    let missing = failure
        .downcast_ref::<EngineError>()
        .is_some_and(|error| error.kind() == ErrorKind::NotFound);
    malformed || missing
}
