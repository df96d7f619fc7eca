//! `wharf push`: an image of the store into a registry.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::PushRequest;
use wharf_oci::{ImageQuery, Reference};

use crate::arguments::{Command, Files, Flag, Matches, Positionals, Run, Work};
use crate::daemon_words::FoundByDaemon as _;
use crate::progress::{Progress, Shown};
use crate::session::Session;

const ALL_TAGS: Flag =
    Flag::switch("all-tags", "Push all tags of an image to the repository").letter('a');
const DISABLE_CONTENT_TRUST: Flag =
    Flag::switch("disable-content-trust", "Skip image signing").default("true");
const PLATFORM: Flag = Flag::text(
    "platform",
    "Push a platform-specific manifest as a single-platform image to the registry.\n\
     Image index won't be pushed, meaning that other manifests, including attestations won't be preserved.\n\
     'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)",
);
const QUIET: Flag = Flag::switch("quiet", "Suppress verbose output").letter('q');

pub(crate) const COMMAND: Command = Command {
    name: "push",
    spellings: &["wharf image push", "wharf push"],
    synopsis: "[OPTIONS] NAME[:TAG]",
    summary: "Upload an image to a registry",
    flags: &[ALL_TAGS, DISABLE_CONTENT_TRUST, PLATFORM, QUIET],
    positionals: Positionals::Exactly(1),
    run: Run::Networked(run),
    files: Files::Touched,
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(push(session, matches))
}

async fn push(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let quiet = matches.is_set(&QUIET);
    let all_tags = matches.is_set(&ALL_TAGS);
    let platform = session.platform(matches.some_text(&PLATFORM));
    let platform = platform.context("invalid platform")?;
    let typed: Reference = matches.argument(0).parse()?;
    anyhow::ensure!(
        !all_tags || typed.is_name_only(),
        "tag can't be used with --all-tags/-a"
    );
    anyhow::ensure!(typed.digest().is_none(), "cannot push a digest reference");
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
    let progress = Progress::new(
        session.printer(),
        if quiet { Shown::Nothing } else { Shown::All },
    );
    let engine = session.engine();
    if let Some(platform) = platform {
        // An image is stored for one platform: that must be the one that is meant.
        let query = ImageQuery::Name(reference.clone(), None);
        engine.inspect(&query, Some(&platform)).found_by_daemon()?;
    }
    let result = if all_tags {
        engine
            .push_all(reference.repository(), &progress.sink())
            .await
            .map(drop)
    } else {
        engine
            .push(
                &PushRequest {
                    reference: reference.clone(),
                },
                &progress.sink(),
            )
            .await
            .map(drop)
    };
    let result = match result {
        // Once Docker's answer has begun, an error in it is told without saying who found it.
        Err(failure) if progress.has_begun() => Err(failure.into()),
        result => result.found_by_daemon().map_err(anyhow::Error::from),
    };
    if quiet && result.is_ok() {
        session.printer().line(&reference.to_string())?;
    }
    progress.print_notes();
    result.map(|()| ExitCode::SUCCESS)
}
