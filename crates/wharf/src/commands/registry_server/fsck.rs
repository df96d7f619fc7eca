//! `wharf registry fsck`.

use std::process::ExitCode;

use wharf_registry::Clock;
use wharf_registry::db::SchemaWish;
use wharf_registry::records::CheckWish;
use wharf_template::units::human_size;

use super::options::{CONFIG, DATA, usable_config};
use super::parts::open_beside;
use crate::arguments::{Command, Flag, Matches, Run, Work};
use crate::session::Session;

const DEEP: Flag = Flag::switch(
    "deep",
    "Read and hash every blob, not only look at its length",
);
const REPAIR: Flag = Flag::switch(
    "repair",
    "Let what is lost count as absent, so that pushing it again mends it",
);

pub(crate) const COMMAND: Command = Command {
    name: "fsck",
    synopsis: "[OPTIONS]",
    summary: "Verify that storage holds what the database says",
    description: "Verify that storage holds what the database says: every manifest is hashed, every blob's object \
        is looked at, and with --deep read and hashed. The registry may serve meanwhile. It exits with 1 if \
        something is wrong.",
    flags: &[CONFIG, DATA, DEEP, REPAIR],
    run: Run::Service(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(check(session, matches))
}

async fn check(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let config = usable_config(matches)?;
    let registry = open_beside(&config, &Clock::system(), SchemaWish::AsItIs).await?;
    let wish = CheckWish {
        deep: matches.is_set(&DEEP),
        repair: matches.is_set(&REPAIR),
    };
    let report = registry.check(wish, |_finding| {}).await?;
    let printer = session.printer();
    for finding in &report.findings {
        printer.out(&format!("{finding}\n"))?;
    }
    printer.out(&format!(
        "Checked {} blobs ({}) and {} manifests: {} problems\n",
        report.blobs,
        human_size(report.bytes),
        report.manifests,
        report.findings.len()
    ))?;
    if report.findings.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if wish.repair {
        anyhow::bail!(
            "blobs that are lost count as absent now: push the images that need them again"
        );
    }
    anyhow::bail!(
        "storage does not hold what the database says: run `wharf registry fsck --repair`"
    )
}
