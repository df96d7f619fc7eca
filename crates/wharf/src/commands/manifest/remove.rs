//! `wharf manifest rm`: forgets manifest lists of this machine.

use std::process::ExitCode;

use wharf_oci::Reference;

use crate::arguments::{Command, Matches, Positionals, Run};
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "rm",
    synopsis: "MANIFEST_LIST [MANIFEST_LIST...]",
    summary: "Delete one or more manifest lists from local storage",
    flags: &[],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let lists = session.manifest_lists();
    let mut failures = Vec::new();
    for text in &matches.arguments {
        let removed = text.parse::<Reference>().map_err(anyhow::Error::from);
        let removed = removed.and_then(|list| Ok(lists.remove(&list.or_latest())?));
        if let Err(failure) = removed {
            failures.push(failure.to_string());
        }
    }
    anyhow::ensure!(failures.is_empty(), failures.join("\n"));
    Ok(ExitCode::SUCCESS)
}
