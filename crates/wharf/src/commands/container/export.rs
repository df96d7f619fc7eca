//! `wharf export`: a container's files as an archive.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::output_file::OutputFile;
use crate::session::Session;

/// What is written at once.
const BUFFER_BYTES: usize = 256 << 10;

const OUTPUT: Flag = Flag::text("output", "Write to a file, instead of STDOUT").letter('o');

pub(crate) const COMMAND: Command = Command {
    name: "export",
    spellings: &["wharf container export", "wharf export"],
    synopsis: "[OPTIONS] CONTAINER",
    summary: "Export a container's filesystem as a tar archive",
    flags: &[OUTPUT],
    positionals: Positionals::Exactly(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let container = matches.argument(0);
    let Some(path) = matches.some_text(&OUTPUT) else {
        anyhow::ensure!(
            !session.printer().is_terminal(),
            "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        );
        let stdout = io::stdout().as_fd().try_clone_to_owned();
        export(
            session,
            container,
            File::from(stdout.context("cannot use stdout")?),
        )?;
        return Ok(ExitCode::SUCCESS);
    };
    let output = OutputFile::create(Path::new(path)).context("failed to export container")?;
    let file = output.file().try_clone();
    export(
        session,
        container,
        file.context("failed to export container")?,
    )?;
    output.keep().context("failed to export container")?;
    Ok(ExitCode::SUCCESS)
}

fn export(session: &Session, container: &str, file: File) -> anyhow::Result<()> {
    let output = BufWriter::with_capacity(BUFFER_BYTES, file);
    session
        .engine()
        .export_container(container, output)
        .found_by_daemon()?;
    Ok(())
}
