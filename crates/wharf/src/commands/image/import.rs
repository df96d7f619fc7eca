//! `wharf import`: a root file system as an image.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::process::ExitCode;

use wharf_engine::ImportRequest;
use wharf_oci::Reference;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run, Work};
use crate::daemon_words::FoundByDaemon as _;
use crate::output_file::plain_reason;
use crate::progress::{Progress, Shown};
use crate::session::Session;

const CHANGE: Flag = Flag::list(
    "change",
    "Apply Dockerfile instruction to the created image",
)
.letter('c');
const MESSAGE: Flag = Flag::text("message", "Set commit message for imported image").letter('m');
const PLATFORM: Flag = Flag::text(
    "platform",
    "Set platform if server is multi-platform capable",
);

pub(crate) const COMMAND: Command = Command {
    name: "import",
    spellings: &["wharf image import", "wharf import"],
    synopsis: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary: "Import the contents from a tarball to create a filesystem image",
    flags: &[CHANGE, MESSAGE, PLATFORM],
    positionals: Positionals::AtLeast(1),
    run: Run::Networked(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(import(session, matches))
}

async fn import(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let source = matches.argument(0);
    let reference = match matches.argument(1) {
        "" => None,
        text => Some(text.parse::<Reference>()?),
    };
    let platform = matches
        .some_text(&PLATFORM)
        .or(session.environment().docker_default_platform.as_deref());
    let request = ImportRequest {
        reference,
        message: matches.text(&MESSAGE).to_owned(),
        changes: matches.list(&CHANGE).to_vec(),
        platform: session.platform(platform).found_by_daemon()?,
    };
    let progress = Progress::new(session.printer(), Shown::All);
    let id = if source.starts_with("http://") || source.starts_with("https://") {
        session
            .engine()
            .import_url(&request, source, &progress.sink())
            .await
            .found_by_daemon()?
    } else {
        let mut input: Box<dyn Read> = match source {
            "-" => Box::new(io::stdin().lock()),
            path => Box::new(open(Path::new(path))?),
        };
        session
            .engine()
            .import(&request, &mut input, &progress.sink())
            .found_by_daemon()?
    };
    session.printer().line(&id.to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path)
        .map_err(|error| anyhow::anyhow!("open {}: {}", path.display(), plain_reason(&error)))
}
