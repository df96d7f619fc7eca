//! `wharf image inspect`: everything that is known of images.

use std::process::ExitCode;

use wharf_oci::{ImageQuery, Platform};

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::commands::format_option::FORMAT_USAGE;
use crate::daemon_words::FoundByDaemon as _;
use crate::formatting::inspect::{Described, Inspector, image_type};
use crate::session::Session;

const FORMAT: Flag = Flag::text("format", FORMAT_USAGE).letter('f');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Inspect a specific platform of the multi-platform image.\n\
     If the image or the server is not multi-platform capable, the command will error out if the platform does not match.\n\
     'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
);

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Display detailed information on one or more images",
    flags: &[FORMAT, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let platform = session.platform(matches.some_text(&PLATFORM))?;
    let inspector = Inspector::new(matches.text(&FORMAT))?;
    inspect(session, inspector, &matches.arguments, |image| {
        Ok(document(session, image, platform.as_ref()).found_by_daemon()?)
    })
}

/// Prints what `describe` says of each name; what fails is told at the end, all of it.
pub(crate) fn inspect(
    session: &Session,
    mut inspector: Inspector,
    names: &[String],
    describe: impl Fn(&str) -> anyhow::Result<Described>,
) -> anyhow::Result<ExitCode> {
    let mut failures = Vec::new();
    for name in names {
        if let Err(failure) = describe(name).and_then(|document| inspector.add(document)) {
            failures.push(failure.to_string());
        }
    }
    session.printer().out_bytes(&inspector.finish()?)?;
    anyhow::ensure!(failures.is_empty(), failures.join("\n"));
    Ok(ExitCode::SUCCESS)
}

/// The image as Docker's API describes it.
pub(crate) fn document(
    session: &Session,
    image: &str,
    platform: Option<&Platform>,
) -> anyhow::Result<Described> {
    let query = ImageQuery::parse(image)?;
    let inspected = session.engine().inspect(&query, platform)?.0;
    Ok(Described {
        document: serde_json::to_vec(&inspected)?,
        of: image_type,
    })
}
