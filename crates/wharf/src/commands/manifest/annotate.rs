//! `wharf manifest annotate`: says what platform a manifest of a list is for.

use std::process::ExitCode;

use anyhow::Context as _;
use wharf_engine::{ManifestListError, PlatformChange};
use wharf_oci::Reference;

use crate::arguments::{Command, Flag, Matches, Positionals, Run};
use crate::session::Session;

const ARCH: Flag = Flag::text("arch", "Set architecture");
const OS: Flag = Flag::text("os", "Set operating system");
const OS_FEATURES: Flag = Flag::comma_list("os-features", "Set operating system feature");
const OS_VERSION: Flag = Flag::text("os-version", "Set operating system version");
const VARIANT: Flag = Flag::text("variant", "Set architecture variant");

pub(crate) const COMMAND: Command = Command {
    name: "annotate",
    synopsis: "[OPTIONS] MANIFEST_LIST MANIFEST",
    summary: "Add additional information to a local image manifest",
    flags: &[ARCH, OS, OS_FEATURES, OS_VERSION, VARIANT],
    positionals: Positionals::Exactly(2),
    run: Run::Local(run),
    ..Command::EMPTY
};

fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let (list, manifest) = (matches.argument(0), matches.argument(1));
    let list_name = list
        .parse::<Reference>()
        .with_context(|| format!("annotate: error parsing name for manifest list {list}"))?
        .or_latest();
    let manifest_name = manifest
        .parse::<Reference>()
        .with_context(|| format!("annotate: error parsing name for manifest {manifest}"))?
        .or_latest();
    let change = PlatformChange {
        os: matches.text(&OS).to_owned(),
        architecture: matches.text(&ARCH).to_owned(),
        variant: matches.text(&VARIANT).to_owned(),
        os_version: matches.text(&OS_VERSION).to_owned(),
        os_features: matches.list(&OS_FEATURES).to_vec(),
    };
    let lists = session.manifest_lists();
    match lists.annotate(&list_name, &manifest_name, &change) {
        // Docker repeats the names as they were typed.
        Err(ManifestListError::NoSuchMember { .. }) => {
            anyhow::bail!("manifest for image {manifest} does not exist in {list}")
        }
        result => Ok(result.map(|()| ExitCode::SUCCESS)?),
    }
}
