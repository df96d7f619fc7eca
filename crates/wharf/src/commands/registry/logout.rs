//! `wharf logout`: forgets what `wharf login` kept.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_registry_client::{credential_key, registry_domain};

use crate::arguments::{Command, Matches, Positionals, Run, Work};
use crate::exit;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "logout",
    synopsis: "[SERVER]",
    summary: "Log out from a registry",
    description: "Log out from a registry.\nIf no server is specified, the default is Docker Hub.",
    positionals: Positionals::AtMost(1),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(logout(session, matches))
}

/// Succeeds also if there is nothing to forget, and if a helper fails, which is told.
async fn logout(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let domain = registry_domain(matches.argument(0));
    session.printer().line(&format!(
        "Removing login credentials for {}",
        credential_key(&domain)
    ))?;
    let mut store = session.credential_files().open()?;
    let erased = match store.erase(&domain).await {
        // A file that holds nothing of it is not touched.
        Ok(false) => Ok(()),
        Ok(true) => store.file.save().context("cannot write"),
        Err(failure) => Err(failure.into()),
    };
    if let Err(failure) = erased {
        session.printer().error_line(&format!(
            "WARNING: could not erase credentials:\n{domain}: {}",
            exit::text(&failure)
        ));
    }
    Ok(ExitCode::SUCCESS)
}
