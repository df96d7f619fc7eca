//! `wharf diff`: what a container has changed of its image.

use std::process::ExitCode;

use wharf_engine::ChangeKind;

use crate::arguments::{Command, Files, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::session::Session;

pub(crate) const COMMAND: Command = Command {
    name: "diff",
    spellings: &["wharf container diff", "wharf diff"],
    synopsis: "CONTAINER",
    summary: "Inspect changes to files or directories on a container's filesystem",
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let engine = session.engine();
    let container = engine.container(matches.argument(0)).found_by_daemon()?;
    let changes = engine.container_changes(&container).found_by_daemon()?;
    let mut output = Vec::new();
    for (path, kind) in changes {
        output.extend_from_slice(match kind {
            ChangeKind::Added => b"A ",
            ChangeKind::Changed => b"C ",
            ChangeKind::Deleted => b"D ",
        });
        output.extend(path);
        output.push(b'\n');
    }
    session.printer().out_bytes(&output)?;
    Ok(ExitCode::SUCCESS)
}
