//! `wharf pull`: an image from a registry into the store.

use std::process::ExitCode;

use wharf_engine::{PullRequest, PullStatus, TransferEvent};
use wharf_oci::Reference;

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run, Work};
use crate::daemon_words::FoundByDaemon as _;
use crate::progress::{Progress, Shown};
use crate::session::Session;

const ALL_TAGS: Flag =
    Flag::switch("all-tags", "Download all tagged images in the repository").letter('a');
const DISABLE_CONTENT_TRUST: Flag =
    Flag::switch("disable-content-trust", "Skip image verification").default("true");
const PLATFORM: Flag = Flag::text(
    "platform",
    "Set platform if server is multi-platform capable",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress verbose output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "pull",
    spellings: &["wharf image pull", "wharf pull"],
    synopsis: "[OPTIONS] NAME[:TAG|@DIGEST]",
    summary: "Download an image from a registry",
    flags: &[ALL_TAGS, DISABLE_CONTENT_TRUST, PLATFORM, QUIET],
    positionals: Positionals::Exactly(1),
    run: Run::Networked(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(pull(session, matches))
}

async fn pull(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let quiet = matches.is_set(&QUIET);
    let all_tags = matches.is_set(&ALL_TAGS);
    let typed: Reference = matches.argument(0).parse()?;
    anyhow::ensure!(
        !all_tags || typed.is_name_only(),
        "tag can't be used with --all-tags/-a"
    );
    session.refuse_content_trust(
        matches.is_set(&DISABLE_CONTENT_TRUST),
        matches.is_given(&DISABLE_CONTENT_TRUST),
    )?;
    let reference = if all_tags {
        typed.clone()
    } else {
        typed.clone().or_latest()
    };
    if !all_tags && typed.is_name_only() && !quiet {
        session.printer().line("Using default tag: latest")?;
    }
    let platform = matches
        .some_text(&PLATFORM)
        .or(session.environment().docker_default_platform.as_deref());
    let request = PullRequest {
        reference: reference.clone(),
        platform: session.platform(platform).found_by_daemon()?,
    };

    let shown = if quiet { Shown::Nothing } else { Shown::All };
    let progress = Progress::new(session.printer(), shown);
    let result = if all_tags {
        pull_all_tags(session, &request, &progress).await
    } else {
        session
            .engine()
            .pull(&request, &progress.sink())
            .await
            .map(drop)
            .map_err(Into::into)
    };
    match result {
        // Once Docker's answer has begun, an error in it is told without saying who found it.
        Err(failure) if progress.has_begun() => return Err(failure),
        result => result.found_by_daemon()?,
    }
    session.printer().line(&reference.to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// One tag after the other, and one last line for all of them.
async fn pull_all_tags(
    session: &Session,
    request: &PullRequest,
    progress: &std::sync::Arc<Progress>,
) -> anyhow::Result<()> {
    let engine = session.engine();
    let repository = request.reference.repository();
    let mut changed = false;
    for reference in engine.remote_tags(repository).await? {
        let one = PullRequest {
            reference,
            platform: request.platform.clone(),
        };
        let sink = progress.sink_without_status();
        changed |= engine.pull(&one, &sink).await?.status == PullStatus::Downloaded;
    }
    let status = if changed {
        "Downloaded newer image"
    } else {
        "Image is up to date"
    };
    (progress.sink())(TransferEvent::Status(format!(
        "Status: {status} for {}",
        repository.familiar()
    )));
    Ok(())
}
