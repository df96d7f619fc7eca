//! `wharf manifest inspect`: a manifest as a registry serves it.

use std::process::ExitCode;

use wharf_engine::{ImageManifest, ManifestListError, RegistryManifest, manifest_list_document};
use wharf_oci::{Descriptor, Reference};
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
    let lists = session.manifest_lists();
    let output = if let [list, manifest] = matches.arguments.as_slice() {
        let list = list.parse::<Reference>()?.or_latest();
        let manifest = manifest.parse::<Reference>()?.or_latest();
        let member = lists.member(&list, &manifest)?;
        one(
            &member.ok_or_else(|| ManifestListError::NoSuchList(Box::new(manifest)))?,
            verbose,
        )?
    } else {
        let reference = matches.argument(0).parse::<Reference>()?.or_latest();
        if lists.exists(&reference) {
            several(&lists.members(&reference)?, verbose)?
        } else {
            remote(session, &reference, matches).await?
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
    let (engine, insecure) = (session.engine(), matches.is_set(&INSECURE));
    let verbose = matches.is_set(&VERBOSE);
    match engine.registry_manifest(reference, insecure).await? {
        RegistryManifest::Image(image) => one(&image, verbose),
        RegistryManifest::List { index, .. } if !verbose => list_text(&index.manifests),
        RegistryManifest::List { index, .. } => {
            let members = engine.registry_members(reference, &index, insecure).await?;
            several(&members, verbose)
        }
    }
}

/// One manifest: as served, but for its white space.
fn one(image: &ImageManifest, verbose: bool) -> anyhow::Result<Vec<u8>> {
    let document = if verbose {
        image.to_json()?
    } else {
        image.raw.bytes().to_vec()
    };
    Ok(ended(indent(&document, Indent::Tab)?))
}

/// The manifests of a list: the list that Docker would make of them, or all that is known of each.
fn several(images: &[ImageManifest], verbose: bool) -> anyhow::Result<Vec<u8>> {
    if !verbose {
        let entries: Vec<Descriptor> = images.iter().map(|one| one.descriptor.clone()).collect();
        return list_text(&entries);
    }
    let documents = images.iter().map(ImageManifest::to_json);
    let documents = documents.collect::<Result<Vec<_>, _>>()?;
    let array = [b"[", documents.join(&b',').as_slice(), b"]"].concat();
    Ok(ended(indent(&array, Indent::Tab)?))
}

fn list_text(entries: &[Descriptor]) -> anyhow::Result<Vec<u8>> {
    Ok(ended(manifest_list_document(entries)?))
}

fn ended(mut text: Vec<u8>) -> Vec<u8> {
    text.push(b'\n');
    text
}
