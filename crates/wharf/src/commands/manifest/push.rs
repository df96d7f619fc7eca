//! `wharf manifest push`: sends a manifest list to its registry.

use std::process::ExitCode;

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
    let entries = lists.list(&list)?;
    let engine = session.engine_for(&list, matches.is_set(&INSECURE));
    let mut lines = String::new();
    let stored = engine.push_manifest_list(&list, &entries, |pushed| {
        lines = format!(
            "{lines}Pushed ref {} with digest: {}\n",
            pushed.reference, pushed.digest
        );
    });
    let result = stored.await;
    session.printer().out(&lines)?;
    session.printer().line(&result?.to_string())?;
    if matches.is_set(&PURGE) {
        lists.remove(&list)?;
    }
    Ok(ExitCode::SUCCESS)
}
