//! `wharf manifest create`: begins a manifest list on this machine.

use std::process::ExitCode;

use wharf_engine::{ErrorKind, ManifestEntry, ManifestListError, RemoteManifest};
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
    let lists = session.manifest_lists();
    match lists.list(&list) {
        Err(ManifestListError::NotFound(_)) => (),
        Err(error) => return Err(error.into()),
        Ok(_) => anyhow::ensure!(
            matches.is_set(&AMEND),
            "refusing to amend an existing manifest list with no --amend flag"
        ),
    }
    for text in matches.arguments.iter().skip(1) {
        let reference = text.parse::<Reference>()?.or_latest();
        let entry = match lists.get(&list, &reference) {
            Err(ManifestListError::NotFound(_)) => {
                fetch(session, &reference, matches.is_set(&INSECURE)).await?
            }
            result => result?,
        };
        lists.save(&list, &reference, &entry)?;
    }
    session
        .printer()
        .line(&format!("Created manifest list {list}"))?;
    Ok(ExitCode::SUCCESS)
}

async fn fetch(
    session: &Session,
    reference: &Reference,
    insecure: bool,
) -> anyhow::Result<ManifestEntry> {
    match session
        .engine_for(reference, insecure)
        .remote_manifest(reference)
        .await
    {
        Ok(RemoteManifest::Manifest(entry)) => Ok(*entry),
        Ok(RemoteManifest::Index { .. }) => anyhow::bail!("{reference} is a manifest list"),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("no such manifest: {reference}")
        }
        Err(error) => Err(error.into()),
    }
}
