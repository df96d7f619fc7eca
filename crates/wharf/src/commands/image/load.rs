//! `wharf load`: the images of an archive into the store.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::{LoadInput, LoadRequest};

use crate::arguments::{Command, Files, Flag, Matches, Run};
use crate::output_file::plain_reason;
use crate::progress::{Progress, Shown};
use crate::session::Session;

const INPUT: Flag = Flag::text("input", "Read from tar archive file, instead of STDIN").letter('i');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Load only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress the load output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "load",
    spellings: &["wharf image load", "wharf load"],
    synopsis: "[OPTIONS]",
    summary: "Load an image from a tar archive or STDIN",
    flags: &[INPUT, PLATFORM, QUIET],
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let platform = session
        .platform(matches.some_text(&PLATFORM))
        .context("invalid platform")?;
    let input = if let Some(path) = matches.some_text(&INPUT) {
        open(Path::new(path))?
    } else {
        anyhow::ensure!(
            !session.printer().input_is_terminal,
            "requested load from stdin, but stdin is empty"
        );
        LoadInput::File(File::from(
            io::stdin()
                .as_fd()
                .try_clone_to_owned()
                .context("cannot read stdin")?,
        ))
    };
    let shown = if matches.is_set(&QUIET) {
        Shown::Lines
    } else {
        Shown::All
    };
    let progress = Progress::new(session.printer(), shown);
    session
        .engine()
        .load(LoadRequest { input, platform }, &progress.sink())?;
    Ok(ExitCode::SUCCESS)
}

/// A file, or a folder: Docker takes files only.
fn open(path: &Path) -> anyhow::Result<LoadInput> {
    let unreadable =
        |error: io::Error| anyhow::anyhow!("open {}: {}", path.display(), plain_reason(&error));
    if fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(LoadInput::Folder(PathBuf::from(path)));
    }
    Ok(LoadInput::File(File::open(path).map_err(unreadable)?))
}
