//! `wharf save`: images of the store as an archive.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::{EngineError, SaveRequest};

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run};
use crate::daemon_words::FoundByDaemon as _;
use crate::output_file::OutputFile;
use crate::printer::PrintError;
use crate::session::Session;

const OUTPUT: Flag = Flag::text("output", "Write to a file, instead of STDOUT").letter('o');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Save only the given platform variant. Formatted as \"os[/arch[/variant]]\" (e.g., \"linux/amd64\")",
);

pub(crate) const COMMAND: Command = Command {
    name: "save",
    spellings: &["wharf image save", "wharf save"],
    synopsis: "[OPTIONS] IMAGE [IMAGE...]",
    summary: "Save one or more images to a tar archive (streamed to STDOUT by default)",
    flags: &[OUTPUT, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Local(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let platform = session
        .platform(matches.some_text(&PLATFORM))
        .context("invalid platform")?;
    let request = SaveRequest {
        images: matches.arguments.clone(),
        platform,
    };
    let Some(path) = matches.some_text(&OUTPUT) else {
        anyhow::ensure!(
            !session.printer().is_terminal(),
            "cowardly refusing to save to a terminal. Use the -o flag or redirect"
        );
        let stdout = File::from(
            io::stdout()
                .as_fd()
                .try_clone_to_owned()
                .context("cannot use stdout")?,
        );
        return match session.engine().save(&request, stdout) {
            // Whoever read the archive has read enough.
            Err(failure) if is_broken_pipe(&failure) => Err(PrintError::reader_gone().into()),
            result => Ok(result.found_by_daemon().map(|()| ExitCode::SUCCESS)?),
        };
    };
    let output = OutputFile::create(Path::new(path)).context("failed to save image")?;
    let file = output.file().try_clone().context("failed to save image")?;
    session.engine().save(&request, file).found_by_daemon()?;
    output.keep().context("failed to save image")?;
    Ok(ExitCode::SUCCESS)
}

fn is_broken_pipe(failure: &EngineError) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(failure);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
