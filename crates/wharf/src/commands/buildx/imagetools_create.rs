//! `wharf buildx imagetools create`: an index in a registry, out of what is there.

use std::fs;
use std::io::Read as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use wharf_engine::{
    AnnotationError, ComposeRequest, ComposeSource, EngineError, EventSink, ManifestListError,
    TransferEvent,
};
use wharf_oci::{MANIFEST_LIMIT_BYTES, Reference};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::session::Session;

/// A descriptor is no longer than what it stands in.
const FILE_LIMIT_BYTES: u64 = MANIFEST_LIMIT_BYTES as u64;

const ANNOTATION: Flag = Flag::list("annotation", "Add annotation to the image");
const APPEND: Flag = Flag::switch("append", "Append to existing manifest");
const BUILDER: Flag = Flag::text("builder", "No effect: there are no builder instances").hidden();
const DRY_RUN: Flag = Flag::switch("dry-run", "Show final image instead of pushing");
const FILE: Flag = Flag::list("file", "Read source descriptor from file").letter('f');
const PREFER_INDEX: Flag = Flag::switch(
    "prefer-index",
    "When only a single source is specified, prefer outputting an image index or manifest list instead of performing a \
     carbon copy",
)
.default("true");
const PROGRESS: Flag = Flag::text(
    "progress",
    "Set type of progress output (\"auto\", \"plain\", \"tty\", \"rawjson\")",
)
.default("auto");
const TAG: Flag = Flag::list("tag", "Set reference for new image").letter('t');

pub(crate) const COMMAND: Command = Command {
    name: "create",
    synopsis: "[OPTIONS] [SOURCE...]",
    summary: "Create a new image based on source images",
    flags: &[
        ANNOTATION,
        APPEND,
        BUILDER,
        DRY_RUN,
        FILE,
        PREFER_INDEX,
        PROGRESS,
        TAG,
    ],
    positionals: Positionals::AtLeast(0),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(create(session, matches))
}

async fn create(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let files = matches.list(&FILE);
    anyhow::ensure!(
        !matches.arguments.is_empty() || !files.is_empty(),
        "no sources specified"
    );
    let dry_run = matches.is_set(&DRY_RUN);
    let typed_tags = matches.list(&TAG);
    anyhow::ensure!(
        dry_run || !typed_tags.is_empty(),
        "can't push with no tags specified, please set --tag or --dry-run"
    );
    let tags = typed_tags
        .iter()
        .map(|tag| Ok(tag.parse::<Reference>()?.or_latest()))
        .collect::<anyhow::Result<_>>()?;
    let annotations = matches.list(&ANNOTATION).iter().map(|text| text.parse());
    let request = ComposeRequest {
        tags,
        sources: sources(matches)?,
        annotations: annotations
            .collect::<Result<_, AnnotationError>>()
            .context("failed to parse annotations")?,
        prefer_index: matches.is_set(&PREFER_INDEX),
    };
    let engine = session.engine();
    let composed = engine.compose(&request).await.map_err(not_found)?;
    if dry_run {
        session.printer().out_bytes(composed.document.bytes())?;
        session.printer().out("\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let printer = Arc::clone(session.printer());
    let events: EventSink = Arc::new(move |event| {
        if let TransferEvent::Status(text) = event {
            printer.error_line(&text);
        }
    });
    engine
        .push_composed(&composed, &request.tags, &events)
        .await?;
    Ok(ExitCode::SUCCESS)
}

/// What a registry does not have, in the words of `imagetools`: those of `manifest` are others.
pub(super) fn not_found(error: EngineError) -> anyhow::Error {
    match error.cause().downcast_ref() {
        Some(ManifestListError::NoSuchManifest(reference)) => {
            anyhow::anyhow!("{reference}: not found")
        }
        _ => error.into(),
    }
}

/// The first tag if it is to be appended to, then what the files name, then the arguments.
fn sources(matches: &Matches) -> anyhow::Result<Vec<ComposeSource>> {
    let mut texts: Vec<String> = Vec::new();
    if matches.is_set(&APPEND) {
        texts.extend(matches.list(&TAG).first().cloned());
    }
    for path in matches.list(&FILE) {
        let file = fs::File::open(path).with_context(|| format!("cannot read {path}"))?;
        let mut text = String::new();
        file.take(FILE_LIMIT_BYTES)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {path}"))?;
        texts.push(text.trim().to_owned());
    }
    texts.extend(matches.arguments.iter().cloned());
    let parse = |text: &String| {
        text.parse::<ComposeSource>().with_context(|| {
            format!("failed to parse source {text:?}, valid sources are digests, references and descriptors")
        })
    };
    texts.iter().map(parse).collect()
}
