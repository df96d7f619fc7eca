//! The Dockerfile that `--call` and `--check` ask about, and what is wrong with it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_build::check::{CheckReport, CheckRequest, Problem};
use wharf_build::dockerfile::limits::MAXIMUM_FILE_BYTES;
use wharf_build::ignore::{MAXIMUM_IGNORE_FILE_BYTES, PatternMatcher, ignore_patterns};
use wharf_oci::Platform;

use super::build::{BUILD_ARG, FILE, TARGET, build_arguments, platforms};
use crate::arguments::Matches;
use crate::output_file::plain_reason;
use crate::session::Session;

/// What findings call a file that nobody named.
const USUAL_NAME: &str = "Dockerfile";
const STDIN: &str = "-";

/// A Dockerfile that something is asked about.
pub(super) struct Asked {
    pub(super) file: Vec<u8>,
    /// What it is called.
    pub(super) name: String,
    ignore: Option<PatternMatcher>,
    build_arguments: BTreeMap<String, String>,
    host: Platform,
    wanted: Option<Platform>,
}

impl Asked {
    /// Reads the Dockerfile that the arguments mean.
    pub(super) fn read(session: &Session, matches: &Matches) -> anyhow::Result<Self> {
        let folder = Some(matches.argument(0))
            .filter(|path| !path.is_empty())
            .unwrap_or(".");
        let (file, name) = read_dockerfile(folder, matches.some_text(&FILE))?;
        Ok(Self {
            file,
            name,
            ignore: match folder {
                STDIN => None,
                folder => ignore_file(Path::new(folder), matches.some_text(&FILE))?,
            },
            build_arguments: build_arguments(matches.list(&BUILD_ARG)),
            host: Platform::host(),
            wanted: platforms(session, matches)?.into_iter().next(),
        })
    }

    /// What is asked of `wharf-build`.
    pub(super) fn request<'a>(&'a self, matches: &'a Matches) -> CheckRequest<'a> {
        CheckRequest {
            file: &self.file,
            ignore: self.ignore.as_ref(),
            build_arguments: &self.build_arguments,
            target: matches.some_text(&TARGET),
            build_platform: &self.host,
            target_platform: self.wanted.as_ref().unwrap_or(&self.host),
        }
    }
}

/// What a question fails with that has no answer.
pub(super) fn unanswered(problem: &Problem) -> anyhow::Error {
    anyhow::anyhow!("ERROR: failed to build: failed to solve: {problem}")
}

/// Prints what was found.
pub(super) fn report(
    session: &Session,
    asked: &Asked,
    report: &CheckReport,
) -> anyhow::Result<ExitCode> {
    let text = String::from_utf8_lossy(&asked.file);
    session.printer().out(&report.text(&asked.name, &text))?;
    verdict(asked, report)
}

/// How a check ends.
pub(super) fn verdict(asked: &Asked, report: &CheckReport) -> anyhow::Result<ExitCode> {
    let text = String::from_utf8_lossy(&asked.file);
    if let Some(problem) = report.problem_text(&asked.name, &text) {
        anyhow::bail!("ERROR: {}", problem.trim_end());
    }
    Ok(if report.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The Dockerfile's bytes, and what it is called.
fn read_dockerfile(folder: &str, file: Option<&str>) -> anyhow::Result<(Vec<u8>, String)> {
    let (path, name) = match (folder, file) {
        (STDIN, Some(STDIN)) => {
            anyhow::bail!(
                "invalid argument: can't use stdin for both build context and dockerfile"
            );
        }
        (STDIN, None) | (_, Some(STDIN)) => {
            let bytes = limited(io::stdin().lock()).context("cannot read stdin")?;
            let is_archive =
                bytes.starts_with(b"\x1f\x8b") || bytes.get(257..262) == Some(b"ustar");
            anyhow::ensure!(
                !is_archive,
                "stdin is an archive: a context on stdin cannot be checked yet, a Dockerfile can"
            );
            return Ok((bytes, USUAL_NAME.to_owned()));
        }
        (_, Some(file)) => (PathBuf::from(file), file.to_owned()),
        (folder, None) => (usual_file(Path::new(folder)), USUAL_NAME.to_owned()),
    };
    let bytes = File::open(&path).and_then(limited).map_err(|error| {
        let reason = plain_reason(&error);
        anyhow::anyhow!(
            "failed to read dockerfile: open {}: {reason}",
            path.display()
        )
    })?;
    Ok((bytes, name))
}

/// The patterns of `NAME.dockerignore` beside the Dockerfile, or else of the folder's `.dockerignore`.
fn ignore_file(folder: &Path, file: Option<&str>) -> anyhow::Result<Option<PatternMatcher>> {
    let own = file
        .filter(|file| *file != STDIN)
        .map_or_else(|| usual_file(folder), PathBuf::from);
    let mut own = own.into_os_string();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), folder.join(".dockerignore")] {
        let Ok(file) = File::open(&path) else {
            continue;
        };
        let mut bytes = Vec::new();
        let read = file
            .take(MAXIMUM_IGNORE_FILE_BYTES as u64 + 1)
            .read_to_end(&mut bytes);
        return read
            .and_then(|_| ignore_patterns(&bytes).map_err(io::Error::other))
            .and_then(|patterns| {
                let texts: Vec<_> = patterns.into_iter().map(|(_, text)| text).collect();
                PatternMatcher::new(&texts).map_err(io::Error::other)
            })
            .map(Some)
            .with_context(|| format!("error reading {}", path.display()));
    }
    Ok(None)
}

/// `Dockerfile`, or `dockerfile` if there is only that.
fn usual_file(folder: &Path) -> PathBuf {
    let lower = folder.join("dockerfile");
    let usual = folder.join(USUAL_NAME);
    if !usual.exists() && lower.exists() {
        lower
    } else {
        usual
    }
}

/// One byte more than a Dockerfile may have, so that its reader sees that it is too large.
fn limited(input: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input
        .take(MAXIMUM_FILE_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
