//! `wharf image mount`: the files of an image at a folder.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_images::MountMode;
use wharf_oci::ImageQuery;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const CHANGES: Flag = Flag::text(
    "changes",
    "Allow writing: what is changed goes into this directory, which is made if there is none",
);

pub(crate) const COMMAND: Command = Command {
    name: "mount",
    synopsis: "[OPTIONS] IMAGE DIRECTORY",
    summary: "Show the files of an image at a directory",
    positionals: Positionals::Exactly(2),
    flags: &[CHANGES],
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let query = ImageQuery::parse(matches.argument(0))?;
    let mode = match matches.some_text(&CHANGES) {
        Some(folder) => {
            writable(Path::new(folder)).with_context(|| format!("cannot make {folder}"))?
        }
        None => MountMode::ReadOnly,
    };
    session
        .engine()
        .mount_image(&query, Path::new(matches.argument(1)), &mode)?;
    Ok(ExitCode::SUCCESS)
}

/// Two folders of one file system, as overlayfs wants them.
fn writable(folder: &Path) -> std::io::Result<MountMode> {
    let folder = std::path::absolute(folder)?;
    let (upper, work) = (folder.join("upper"), folder.join("work"));
    std::fs::create_dir_all(&upper)?;
    std::fs::create_dir_all(&work)?;
    Ok(MountMode::Writable { upper, work })
}
