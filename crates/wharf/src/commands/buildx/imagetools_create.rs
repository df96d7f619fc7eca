//! `wharf buildx imagetools create`: an index in a registry, out of what is there.

use std::collections::BTreeMap;
use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::{Engine, ErrorKind, RemoteManifest};
use wharf_oci::{Descriptor, Index, MediaType, RawManifest, Reference, Repository};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::session::Session;

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
    let tags: Vec<Reference> = matches
        .list(&TAG)
        .iter()
        .map(|tag| Ok(tag.parse::<Reference>()?.or_latest()))
        .collect::<anyhow::Result<_>>()?;
    let dry_run = matches.is_set(&DRY_RUN);
    anyhow::ensure!(
        dry_run || !tags.is_empty(),
        "can't push without a tag: name one with --tag"
    );
    let engine = session.engine();
    let sources = sources(engine, matches, &tags).await?;
    anyhow::ensure!(!sources.is_empty(), "no sources specified");
    let annotations = annotations(matches.list(&ANNOTATION))?;
    let index = match sources.as_slice() {
        // One index alone is copied as it is: its digest stays.
        [
            Source {
                raw,
                is_index: true,
                ..
            },
        ] if annotations.is_empty() => raw.clone(),
        [Source { raw, .. }] if annotations.is_empty() && !matches.is_set(&PREFER_INDEX) => {
            raw.clone()
        }
        sources => combined(sources, annotations)?,
    };
    if dry_run {
        session.printer().out_bytes(index.bytes())?;
        session.printer().out("\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    let manifests: Vec<(Repository, RawManifest)> = sources
        .into_iter()
        .flat_map(|source| source.manifests)
        .collect();
    for tag in &tags {
        let digest = engine.push_index(tag, &index, &manifests).await?;
        session
            .printer()
            .error_line(&format!("pushed {digest} to {tag}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// One thing that the new index is made of.
struct Source {
    raw: RawManifest,
    is_index: bool,
    descriptors: Vec<Descriptor>,
    /// What must be in the repository of the new index, and where it is.
    manifests: Vec<(Repository, RawManifest)>,
}

async fn sources(
    engine: &Engine,
    matches: &Matches,
    tags: &[Reference],
) -> anyhow::Result<Vec<Source>> {
    let mut sources = Vec::new();
    if matches.is_set(&APPEND) {
        let tag = tags
            .first()
            .context("can't append without a tag: name one with --tag")?;
        sources.push(fetch(engine, tag).await?);
    }
    for path in matches.list(&FILE) {
        let text = fs::read(path).with_context(|| format!("cannot read {path}"))?;
        let descriptor: Descriptor =
            serde_json::from_slice(&text).with_context(|| format!("{path} holds no descriptor"))?;
        let tag = tags
            .first()
            .context("a descriptor needs a repository: name one with --tag")?;
        let mut source = fetch(engine, &tag.repository().with_digest(descriptor.digest)).await?;
        source.descriptors = vec![descriptor];
        sources.push(source);
    }
    for text in &matches.arguments {
        sources.push(fetch(engine, &text.parse::<Reference>()?.or_latest()).await?);
    }
    Ok(sources)
}

async fn fetch(engine: &Engine, reference: &Reference) -> anyhow::Result<Source> {
    let repository = reference.repository().clone();
    match engine.remote_manifest(reference).await {
        Ok(RemoteManifest::Manifest(entry)) => Ok(Source {
            raw: entry.raw.clone(),
            is_index: false,
            descriptors: vec![entry.descriptor],
            manifests: vec![(repository, entry.raw)],
        }),
        Ok(RemoteManifest::Index { raw, index }) => {
            let entries = engine.remote_manifests(reference, &index).await?;
            let manifests = entries
                .into_iter()
                .map(|entry| (repository.clone(), entry.raw))
                .collect();
            Ok(Source {
                raw,
                is_index: true,
                descriptors: index.manifests,
                manifests,
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("{reference}: not found")
        }
        Err(error) => Err(error.into()),
    }
}

/// One index of everything, each manifest once. Docker's format only if nothing in it is OCI's.
fn combined(
    sources: &[Source],
    annotations: BTreeMap<String, String>,
) -> anyhow::Result<RawManifest> {
    let mut manifests: Vec<Descriptor> = Vec::new();
    for descriptor in sources.iter().flat_map(|source| &source.descriptors) {
        if !manifests
            .iter()
            .any(|known| known.digest == descriptor.digest)
        {
            manifests.push(descriptor.clone());
        }
    }
    let all_docker = manifests
        .iter()
        .all(|manifest| manifest.media_type.as_str() == MediaType::DOCKER_MANIFEST);
    let docker = all_docker && annotations.is_empty();
    let media_type = MediaType::new(if docker {
        MediaType::DOCKER_MANIFEST_LIST
    } else {
        MediaType::OCI_INDEX
    });
    let index = Index {
        schema_version: 2,
        media_type: Some(media_type),
        artifact_type: None,
        manifests,
        subject: None,
        annotations,
    };
    Ok(RawManifest::from_index(&index)?)
}

/// `key=value` or `index:key=value`.
fn annotations(texts: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut annotations = BTreeMap::new();
    for text in texts {
        let (key, value) = text
            .split_once('=')
            .with_context(|| format!("invalid annotation {text:?}: expected key=value"))?;
        let key = match key.split_once(':') {
            Some(("index", key)) => key,
            Some((kind @ ("manifest" | "manifest-descriptor" | "index-descriptor"), _)) => {
                anyhow::bail!(
                    "annotation {text:?}: only an index can be annotated here, not a {kind}"
                )
            }
            _ => key,
        };
        annotations.insert(key.to_owned(), value.to_owned());
    }
    Ok(annotations)
}
