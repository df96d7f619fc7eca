//! `wharf manifest inspect`: a manifest as a registry serves it.

use std::process::ExitCode;

use serde_json::Value;
use wharf_engine::{ErrorKind, ManifestEntry, ManifestListError, RemoteManifest, list_document};
use wharf_oci::{Descriptor, MediaType, Reference};
use wharf_template::json::{Indent, indent};

use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::session::Session;

const INSECURE: Flag = Flag::switch("insecure", "Allow communication with an insecure registry");
const VERBOSE: Flag = Flag::switch(
    "verbose",
    "Output additional info including layers and platform",
)
.letter('v');

pub(crate) const COMMAND: Command = Command {
    name: "inspect",
    synopsis: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
    summary: "Display an image manifest, or manifest list",
    flags: &[INSECURE, VERBOSE],
    positionals: Positionals::Between(1, 2),
    run: Run::Networked(run),
    ..Command::EMPTY
};

fn run<'a>(session: &'a Session, matches: &'a Matches) -> Work<'a> {
    Box::pin(inspect(session, matches))
}

async fn inspect(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let verbose = matches.is_set(&VERBOSE);
    let (list, manifest) = match matches.arguments.as_slice() {
        [list, manifest] => (Some(list.parse::<Reference>()?.or_latest()), manifest),
        _ => (None, &matches.arguments[0]),
    };
    let reference = manifest.parse::<Reference>()?.or_latest();
    let lists = session.manifest_lists();
    let output = if let Some(list) = list {
        one(&lists.get(&list, &reference)?, verbose)?
    } else {
        match lists.list(&reference) {
            Ok(entries) => local_list(entries, verbose)?,
            Err(ManifestListError::NotFound(_)) => remote(session, &reference, matches).await?,
            Err(error) => return Err(error.into()),
        }
    };
    session.printer().out_bytes(&output)?;
    Ok(ExitCode::SUCCESS)
}

async fn remote(
    session: &Session,
    reference: &Reference,
    matches: &Matches,
) -> anyhow::Result<Vec<u8>> {
    let verbose = matches.is_set(&VERBOSE);
    let engine = session.engine_for(reference, matches.is_set(&INSECURE));
    let (raw, index) = match engine.remote_manifest(reference).await {
        Ok(RemoteManifest::Manifest(entry)) => return one(&entry, verbose),
        Ok(RemoteManifest::Index { raw, index }) => (raw, index),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            anyhow::bail!("no such manifest: {reference}")
        }
        Err(error) => return Err(error.into()),
    };
    if !verbose {
        return Ok(ended(list_document(raw.media_type(), &index.manifests)?));
    }
    let mut entries = engine.remote_manifests(reference, &index).await?;
    for entry in &mut entries {
        // Docker names an entry by the list's name and its own digest.
        entry.reference = format!("{reference}@{}", entry.descriptor.digest).parse()?;
    }
    verbose_list(&entries)
}

/// One manifest: as served, but for its white space.
fn one(entry: &ManifestEntry, verbose: bool) -> anyhow::Result<Vec<u8>> {
    if verbose {
        return tabbed(&entry.document());
    }
    Ok(ended(indent(entry.raw.bytes(), Indent::Tab)?))
}

fn local_list(entries: Vec<ManifestEntry>, verbose: bool) -> anyhow::Result<Vec<u8>> {
    if verbose {
        return verbose_list(&entries);
    }
    let oci = entries
        .iter()
        .any(|entry| entry.raw.media_type().as_str() == MediaType::OCI_MANIFEST);
    let media_type = MediaType::new(if oci {
        MediaType::OCI_INDEX
    } else {
        MediaType::DOCKER_MANIFEST_LIST
    });
    let descriptors: Vec<Descriptor> = entries.into_iter().map(|entry| entry.descriptor).collect();
    Ok(ended(list_document(&media_type, &descriptors)?))
}

fn verbose_list(entries: &[ManifestEntry]) -> anyhow::Result<Vec<u8>> {
    tabbed(&Value::Array(
        entries.iter().map(ManifestEntry::document).collect(),
    ))
}

fn tabbed(document: &Value) -> anyhow::Result<Vec<u8>> {
    Ok(ended(indent(document.to_string().as_bytes(), Indent::Tab)?))
}

fn ended(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}
