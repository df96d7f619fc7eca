//! `wharf buildx imagetools inspect`: what a registry holds under a name.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Map, Value as Json, json};
use wharf_engine::{Engine, ErrorKind, ManifestEntry, RemoteManifest};
use wharf_oci::{Descriptor, Index, ParsedManifest, RawManifest, Reference};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::formatting::document::Document;
use crate::formatting::image_tools::image_tools_text;
use crate::session::Session;

/// The annotation of layers that hold an attestation, and how the two kinds that are shown begin.
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
const SBOM_PREDICATE: &str = "https://spdx.dev/Document";
const PROVENANCE_PREDICATE: &str = "https://slsa.dev/provenance/";

const BUILDER: Flag = Flag::text("builder", "No effect: there are no builder instances").hidden();
const FORMAT: Flag = Flag::text("format", "Format the output using the given Go template");
const RAW: Flag = Flag::switch("raw", "Show original, unformatted JSON manifest");

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] NAME",
    summary: "Show details of an image in the registry",
    flags: &[BUILDER, FORMAT, RAW],
    positionals: Positionals::Exactly(1),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(inspect(session, matches))
}

async fn inspect(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let format = matches.some_text(&FORMAT);
    let raw = matches.is_set(&RAW);
    anyhow::ensure!(
        format.is_none() || !raw,
        "format and raw cannot be used together"
    );
    let reference = matches.argument(0).parse::<Reference>()?.or_latest();
    let engine = session.engine();
    let found = match engine.remote_manifest(&reference).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("{reference}: not found")
        }
        found => found?,
    };
    let printer = session.printer();
    match (format, &found) {
        (_, RemoteManifest::Manifest(entry)) if raw => printer.out_bytes(entry.raw.bytes())?,
        (_, RemoteManifest::Index { raw: bytes, .. }) if raw => printer.out_bytes(bytes.bytes())?,
        (None, RemoteManifest::Manifest(entry)) => {
            printer.out(&image_tools_text(&reference, &entry.raw, &[]))?;
        }
        (None, RemoteManifest::Index { raw, index }) => {
            printer.out(&image_tools_text(&reference, raw, &index.manifests))?;
        }
        (Some(format), _) => {
            let fields = fields(engine, &reference, &found, format).await?;
            let (output, result) = Document::new("imagetools.tplInput", fields)?.format("", format);
            result?;
            printer.out_bytes(&output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What a template may ask for; what is costly only if it does.
async fn fields(
    engine: &Engine,
    reference: &Reference,
    found: &RemoteManifest,
    format: &str,
) -> anyhow::Result<Map<String, Json>> {
    let mut fields = Map::new();
    fields.insert("Name".to_owned(), json!(reference.to_string()));
    let (manifest, entries) = match found {
        RemoteManifest::Manifest(entry) => {
            (descriptor_document(&entry.raw), vec![(**entry).clone()])
        }
        RemoteManifest::Index { raw, index } => {
            let wants_more = [".Image", ".SBOM", ".Provenance"]
                .iter()
                .any(|part| format.contains(part));
            let entries = if wants_more {
                engine.remote_manifests(reference, index).await?
            } else {
                Vec::new()
            };
            (index_document(raw, index)?, entries)
        }
    };
    fields.insert("Manifest".to_owned(), manifest);
    let single = matches!(found, RemoteManifest::Manifest(_));
    if format.contains(".Image") {
        fields.insert(
            "Image".to_owned(),
            images(engine, reference, &entries, single).await?,
        );
    }
    for (name, key, predicate) in [
        ("SBOM", "SPDX", SBOM_PREDICATE),
        ("Provenance", "SLSA", PROVENANCE_PREDICATE),
    ] {
        if format.contains(&format!(".{name}")) {
            let attestations = attestations(engine, reference, &entries, key, predicate).await?;
            fields.insert(name.to_owned(), attestations);
        }
    }
    Ok(fields)
}

fn descriptor_document(raw: &RawManifest) -> Json {
    json!({"mediaType": raw.media_type(), "digest": raw.digest(), "size": raw.bytes().len()})
}

fn index_document(raw: &RawManifest, index: &Index) -> anyhow::Result<Json> {
    let mut document = Map::new();
    document.insert("schemaVersion".to_owned(), json!(index.schema_version));
    document.insert("mediaType".to_owned(), json!(raw.media_type()));
    document.insert("digest".to_owned(), json!(raw.digest()));
    document.insert("size".to_owned(), json!(raw.bytes().len()));
    document.insert(
        "manifests".to_owned(),
        serde_json::to_value(&index.manifests)?,
    );
    if !index.annotations.is_empty() {
        document.insert("annotations".to_owned(), json!(index.annotations));
    }
    Ok(Json::Object(document))
}

/// The config of the one image, or of each by its platform.
async fn images(
    engine: &Engine,
    reference: &Reference,
    entries: &[ManifestEntry],
    single: bool,
) -> anyhow::Result<Json> {
    let mut by_platform = Map::new();
    for entry in entries
        .iter()
        .filter(|entry| !entry.descriptor.is_attestation())
    {
        let ParsedManifest::Manifest(manifest) = entry.raw.parse()? else {
            continue;
        };
        let config = engine.remote_blob(reference, &manifest.config).await?;
        let config: Json =
            serde_json::from_slice(&config).context("the image's config is not JSON")?;
        if single {
            return Ok(config);
        }
        by_platform.insert(platform_of(&entry.descriptor), config);
    }
    Ok(Json::Object(by_platform))
}

/// What attestations of one kind say, by the platform of the image that they are about.
async fn attestations(
    engine: &Engine,
    reference: &Reference,
    entries: &[ManifestEntry],
    key: &str,
    predicate: &str,
) -> anyhow::Result<Json> {
    let mut by_platform = Map::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.descriptor.is_attestation())
    {
        let ParsedManifest::Manifest(manifest) = entry.raw.parse()? else {
            continue;
        };
        let about = entry.descriptor.annotation("vnd.docker.reference.digest");
        let subject = entries
            .iter()
            .find(|other| Some(other.descriptor.digest.to_string().as_str()) == about);
        let Some(subject) = subject else { continue };
        let is_wanted = |layer: &&Descriptor| {
            layer
                .annotation(PREDICATE_TYPE)
                .is_some_and(|kind| kind.starts_with(predicate))
        };
        for layer in manifest.layers.iter().filter(is_wanted) {
            let statement = engine.remote_blob(reference, layer).await?;
            let statement: Json =
                serde_json::from_slice(&statement).context("an attestation is not JSON")?;
            let said = statement.get("predicate").cloned().unwrap_or_default();
            by_platform.insert(platform_of(&subject.descriptor), json!({ key: said }));
        }
    }
    // With one image, templates need no platform.
    let count = by_platform.len();
    match by_platform.into_iter().next() {
        Some((_, only)) if count == 1 => Ok(only),
        None => Ok(json!({})),
        Some(_) => anyhow::bail!(
            "attestations of several platforms: name one image of the index by its digest"
        ),
    }
}

fn platform_of(descriptor: &Descriptor) -> String {
    descriptor
        .platform
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default()
}
