//! Options about the images that a build makes: names, annotations, attestations, outputs.

use std::collections::BTreeMap;

use wharf_build::builder::Squash;
use wharf_engine::{
    Attestations, CachePlace, CacheTarget, ImageAnnotation, ImageTarget, ProvenanceOptions,
};
use wharf_oci::Reference;

use super::cache_options;
use super::output_option::{ImageAttributes, Output};
use crate::arguments::{Flag, Matches, comma_separated};

pub(super) const ANNOTATION: Flag = Flag::list("annotation", "Add annotation to the image");
pub(super) const ATTEST: Flag = Flag::list(
    "attest",
    "Attestation parameters (format: \"type=sbom,generator=image\")",
);
pub(super) const LAYERS: Flag = Flag::switch(
    "layers",
    "Keep the layers of steps, and use them again; without, new layers become one",
)
.default("true");
pub(super) const LOAD: Flag = Flag::switch("load", "Shorthand for \"--output=type=docker\"");
pub(super) const OUTPUT: Flag = Flag::list(
    "output",
    "Output destination (format: \"type=local,dest=path\")",
)
.letter('o');
pub(super) const PROVENANCE: Flag =
    Flag::text("provenance", "Shorthand for \"--attest=type=provenance\"");
pub(super) const PUSH: Flag = Flag::switch("push", "Shorthand for \"--output=type=registry\"");
pub(super) const SBOM: Flag = Flag::text("sbom", "Shorthand for \"--attest=type=sbom\"");
pub(super) const SQUASH: Flag = Flag::switch(
    "squash",
    "Squash newly built layers into a single new layer",
);
pub(super) const SQUASH_ALL: Flag = Flag::switch(
    "squash-all",
    "Squash all layers, those of the base image included, into a single layer",
);
pub(super) const TAG: Flag = Flag::list(
    "tag",
    "Image identifier (format: \"[registry/]repository[:tag]\")",
)
.letter('t');

/// What becomes of the result.
pub(super) fn outputs(matches: &Matches) -> anyhow::Result<Vec<Output>> {
    let given: anyhow::Result<Vec<Output>> = matches
        .list(&OUTPUT)
        .iter()
        .map(|text| Output::parse(text))
        .collect();
    let mut outputs = given?;
    if matches.is_set(&PUSH) {
        let mut pushed = false;
        for output in &mut outputs {
            if let Output::Image { push, .. } = output {
                *push = true;
                pushed = true;
            }
        }
        if !pushed {
            outputs.push(Output::image(true));
        }
    }
    let keeps = |output: &Output| matches!(output, Output::Image { keeps: true, .. });
    let loads = matches.is_set(&LOAD) && !outputs.iter().any(keeps);
    if loads || outputs.is_empty() {
        outputs.push(Output::image(false));
    }
    Ok(outputs)
}

/// The images that outputs want, in their order, each with the number of its output.
pub(super) fn image_targets(
    matches: &Matches,
    outputs: &[Output],
) -> anyhow::Result<Vec<(usize, ImageTarget)>> {
    let tags = names(matches.list(&TAG))?;
    let mut annotations = Vec::new();
    for text in matches.list(&ANNOTATION) {
        annotations.extend(ImageAnnotation::parse(text)?);
    }
    let is_inline = |target: &CacheTarget| target.place == CachePlace::Inline;
    let inline = cache_options::targets(matches)?.iter().any(is_inline);
    let mut targets = Vec::new();
    for (number, output) in outputs.iter().enumerate() {
        let (image, keeps, pushes) = match output {
            Output::Image {
                image, keeps, push, ..
            } => (image, *keeps, *push),
            Output::Archive { image, .. } => (image, false, false),
            _ => continue,
        };
        let mut target = target(image, &tags)?;
        anyhow::ensure!(
            !pushes || !target.names.is_empty(),
            "ERROR: tag is needed when pushing to registry"
        );
        target.keeps = keeps;
        target.shape.inline_cache = inline;
        target.shape.annotations.extend(annotations.iter().cloned());
        targets.push((number, target));
    }
    Ok(targets)
}

fn target(image: &ImageAttributes, tags: &[Reference]) -> anyhow::Result<ImageTarget> {
    let mut all = tags.to_vec();
    for name in names(&image.names)? {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    if let (Some(prefix), true) = (&image.dangling_prefix, all.is_empty()) {
        all.extend(names(std::slice::from_ref(prefix))?);
    }
    Ok(ImageTarget {
        names: all,
        keeps: false,
        names_digest: image.names_digest || image.dangling_prefix.is_some(),
        shape: image.shape.clone(),
    })
}

fn names(texts: &[String]) -> anyhow::Result<Vec<Reference>> {
    let mut names: Vec<Reference> = Vec::new();
    for text in texts {
        let parsed: Result<Reference, _> = text.parse();
        let name = parsed
            .map_err(|error| anyhow::anyhow!("ERROR: invalid tag {text:?}: {error}"))?
            .or_latest();
        anyhow::ensure!(
            name.digest().is_none(),
            "ERROR: invalid tag {text:?}: a digest cannot be given, it follows from the image"
        );
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether layers become one.
pub(super) fn squash(matches: &Matches) -> Option<Squash> {
    if matches.is_set(&SQUASH_ALL) {
        Some(Squash::All)
    } else if matches.is_set(&SQUASH) || !matches.is_set(&LAYERS) {
        Some(Squash::New)
    } else {
        None
    }
}

/// What is said of the image: `--attest`, `--provenance`, `--sbom`.
pub(super) fn attestations(matches: &Matches) -> anyhow::Result<Attestations> {
    let mut wanted = Attestations::default();
    for text in matches.list(&ATTEST) {
        let mut fields = fields(text, "attest")?;
        match fields.remove("type").as_deref() {
            Some("provenance") => wanted.provenance = provenance(fields)?,
            Some("sbom") => wanted.contents = contents(fields)?,
            Some(other) => {
                anyhow::bail!("unknown type {other:?} for --attest: expected provenance or sbom")
            }
            None => anyhow::bail!("attestation type not specified: --attest type=provenance"),
        }
    }
    if let Some(text) = matches.some_text(&PROVENANCE) {
        wanted.provenance = provenance(shorthand(text, "provenance")?)?;
    }
    if let Some(text) = matches.some_text(&SBOM) {
        wanted.contents = contents(shorthand(text, "sbom")?)?;
    }
    Ok(wanted)
}

/// Whether it is said what is in the image.
fn contents(fields: BTreeMap<String, String>) -> anyhow::Result<bool> {
    let mut disabled = false;
    for (key, value) in fields {
        match key.as_str() {
            "disabled" => disabled = value == "true",
            "generator" => anyhow::bail!(
                "generator={value} is not supported: Wharf reads the databases of dpkg, apk and rpm itself"
            ),
            other => anyhow::bail!("unknown field {other:?} for sbom: expected disabled"),
        }
    }
    Ok(!disabled)
}

/// `true`, `false`, or fields.
fn shorthand(text: &str, flag: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let disabled = match text {
        "true" | "1" => "false",
        "false" | "0" => "true",
        _ => return fields(text, flag),
    };
    Ok(BTreeMap::from([(
        "disabled".to_owned(),
        disabled.to_owned(),
    )]))
}

fn fields(text: &str, flag: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let parts = comma_separated(text)
        .map_err(|error| anyhow::anyhow!("invalid value {text:?} for --{flag}: {error}"))?;
    let field = |part: &String| {
        let (key, value) = part.split_once('=').ok_or_else(|| {
            anyhow::anyhow!("invalid value {text:?} for --{flag}: {part:?} must be key=value")
        })?;
        Ok((key.trim().to_lowercase(), value.to_owned()))
    };
    parts.iter().map(field).collect()
}

fn provenance(fields: BTreeMap<String, String>) -> anyhow::Result<Option<ProvenanceOptions>> {
    let mut options = ProvenanceOptions::default();
    let mut disabled = false;
    for (key, value) in fields {
        match (key.as_str(), value.as_str()) {
            ("disabled", value) => disabled = value == "true",
            ("mode", "min") | ("version", "v1" | "1") => {}
            ("inline-only", value) => options.inline_only = value == "true",
            ("filename", value) => options.file_name = Some(value.to_owned()),
            ("mode", "max") => options.is_max = true,
            ("version", "v0.2" | "v02" | "0.2") => options.is_v02 = true,
            ("reproducible", value) => options.reproducible = Some(value == "true"),
            ("builder-id", value) => value.clone_into(&mut options.builder_id),
            ("mode", other) => {
                anyhow::bail!("invalid provenance mode {other:?}: expected min or max")
            }
            ("version", other) => {
                anyhow::bail!("invalid provenance version {other:?}: expected v1 or v0.2")
            }
            (other, _) => anyhow::bail!(
                "unknown field {other:?} for provenance: expected mode, version, reproducible, builder-id or disabled"
            ),
        }
    }
    Ok((!disabled).then_some(options))
}
