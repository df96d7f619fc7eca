//! `wharf manifest create`: begins a manifest list on this machine.

use std::process::ExitCode;

use wharf_engine::ListMode;
use wharf_oci::Reference;

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::session::Session;

const AMEND: Flag = Flag::switch("amend", "Amend an existing manifest list").letter('a');
const INSECURE: Flag = Flag::switch("insecure", "Allow communication with an insecure registry");

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "MANIFEST_LIST MANIFEST [MANIFEST...]",
    summary: "Create a local manifest list for annotating and pushing to a registry",
    flags: &[AMEND, INSECURE],
    positionals: Positionals::AtLeast(2),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(create(session, matches))
}

async fn create(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let list = matches.argument(0).parse::<Reference>()?.or_latest();
    let images = matches
        .arguments
        .iter()
        .skip(1)
        .map(|text| Ok(text.parse::<Reference>()?.or_latest()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mode = ListMode {
        amend: matches.is_set(&AMEND),
        insecure: matches.is_set(&INSECURE),
    };
    session
        .engine()
        .create_manifest_list(&session.manifest_lists(), &list, &images, mode)
        .await?;
    session
        .printer()
        .line(&format!("Created manifest list {list}"))?;
    Ok(ExitCode::SUCCESS)
}
