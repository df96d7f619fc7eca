//! `wharf tag`: one more name for an image.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_oci::{ImageQuery, Reference, ReferenceError};

use crate::arguments::{Command, Matches, Positionals, Run, quoted};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "tag",
    spellings: &["wharf image tag", "wharf tag"],
    synopsis: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    positionals: Positionals::Exactly(2),
    interspersed: false,
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (source, target) = (matches.argument(0), matches.argument(1));
    let query = ImageQuery::parse(source).with_context(|| not_valid(source))?;
    let target_name: Reference = parse(target)?;
    anyhow::ensure!(
        target_name.digest().is_none(),
        "refusing to create a tag with a digest reference"
    );
    session
        .engine()
        .tag(&query, &target_name)
        .found_by_daemon()?;
    Ok(ExitCode::SUCCESS)
}

fn parse(text: &str) -> anyhow::Result<Reference> {
    let parsed: Result<Reference, ReferenceError> = text.parse();
    parsed.with_context(|| not_valid(text))
}

fn not_valid(text: &str) -> String {
    format!(
        "Error parsing reference: {} is not a valid repository/tag",
        quoted(text)
    )
}
