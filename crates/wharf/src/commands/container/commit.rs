//! `wharf commit`: what a container has changed becomes an image.

use std::process::ExitCode;

use wharf_engine::CommitRequest;
use wharf_oci::Reference;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::progress::{Progress, Shown};
use crate::session::Session;

const AUTHOR: Flag = Flag::text(
    "author",
    "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")",
)
.letter('a');
const CHANGE: Flag = Flag::list(
    "change",
    "Apply Dockerfile instruction to the created image",
)
.letter('c');
const MESSAGE: Flag = Flag::text("message", "Commit message").letter('m');
const PAUSE: Flag = Flag::switch("pause", "Pause container during commit")
    .letter('p')
    .default("true");

pub(crate) const COMMAND: Command = Command {
    name: "commit",
    spellings: &["wharf container commit", "wharf commit"],
    synopsis: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary: "Create a new image from a container's changes",
    flags: &[AUTHOR, CHANGE, MESSAGE, PAUSE],
    positionals: Positionals::Between(1, 2),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let reference = match matches.argument(1) {
        "" => None,
        text => Some(text.parse::<Reference>()?),
    };
    let request = CommitRequest {
        reference,
        author: matches.text(&AUTHOR).to_owned(),
        message: matches.text(&MESSAGE).to_owned(),
        changes: matches.list(&CHANGE).to_vec(),
        pause: matches.is_set(&PAUSE),
    };
    let progress = Progress::new(session.printer(), Shown::Nothing);
    let id = session
        .engine()
        .commit(matches.argument(0), &request, &progress.sink())
        .found_by_daemon()?;
    session.printer().line(&id.to_string())?;
    Ok(ExitCode::SUCCESS)
}
