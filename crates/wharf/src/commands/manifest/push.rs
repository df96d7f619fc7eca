//! `wharf manifest push`: sends a manifest list to its registry.

use std::process::ExitCode;
use std::sync::Arc;

use wharf_engine::{EventSink, TransferEvent};
use wharf_oci::Reference;

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::session::Session;

const INSECURE: Flag = Flag::switch("insecure", "Allow push to an insecure registry");
const PURGE: Flag = Flag::switch("purge", "Remove the local manifest list after push").letter('p');

pub(crate) const COMMAND: Command = Command {
    name: "push",
    synopsis: "[OPTIONS] MANIFEST_LIST",
    summary: "Push a manifest list to a repository",
    flags: &[INSECURE, PURGE],
    positionals: Positionals::Exactly(1),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(push(session, matches))
}

async fn push(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let list = matches.argument(0).parse::<Reference>()?.or_latest();
    let lists = session.manifest_lists();
    let printer = Arc::clone(session.printer());
    let events: EventSink = Arc::new(move |event| {
        if let TransferEvent::Status(text) = event
            && let Err(error) = printer.line(&text)
        {
            tracing::debug!(%error, "what was pushed is not shown");
        }
    });
    let digest = session
        .engine()
        .push_manifest_list(&lists, &list, matches.is_set(&INSECURE), &events)
        .await?;
    session.printer().line(&digest.to_string())?;
    if matches.is_set(&PURGE) {
        lists.remove(&list)?;
    }
    Ok(ExitCode::SUCCESS)
}
