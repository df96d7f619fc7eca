//! `wharf buildx imagetools inspect`: what a registry holds under a name.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Map, Value as Json, json};
use wharf_engine::{AttestationKind, Engine, RegistryImage};
use wharf_oci::{Index, ParsedManifest, RawManifest, Reference};
use wharf_template::{Template, Value};

use super::imagetools_create::not_found;
use crate::arguments::{Command, Flag, Matches, Positionals, Run, Work};
use crate::formatting::image_tools::{image_tools_text, inspected_type};
use crate::session::Session;

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
    let document = engine.registry_document(&reference, false).await;
    let document = document.map_err(not_found)?;
    let index = match document.parse()? {
        ParsedManifest::Index(index) => Some(index),
        ParsedManifest::Manifest(_) => None,
    };
    let printer = session.printer();
    match format {
        // Not even a line break: whoever hashes it gets the digest.
        None if raw => printer.out_bytes(document.bytes())?,
        None | Some("{{.Manifest}}") => {
            let entries = index.map(|index| index.manifests).unwrap_or_default();
            printer.out(&image_tools_text(&reference, &document, &entries))?;
        }
        Some(format) => {
            let inspected = Inspected {
                engine,
                name: matches.argument(0),
                reference: &reference,
                document: &document,
                index: index.as_deref(),
            };
            printer.out_bytes(&inspected.formatted(format).await?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What templates are told of.
struct Inspected<'a> {
    engine: &'a Engine,
    /// As it was typed.
    name: &'a str,
    reference: &'a Reference,
    document: &'a RawManifest,
    index: Option<&'a Index>,
}

impl Inspected<'_> {
    /// What the template makes of it. What costs requests is asked for only if the template wants it.
    async fn formatted(&self, format: &str) -> anyhow::Result<Vec<u8>> {
        let template = Template::parse(format)?.with_indented_json();
        let mut fields = Map::new();
        fields.insert("name".to_owned(), json!(self.name));
        fields.insert("manifest".to_owned(), self.manifest());
        let mut several = false;
        if wants_images(format) {
            let engine = self.engine;
            let images = engine
                .registry_images(self.reference, self.document)
                .await?;
            several = images.len() > 1;
            let mut configs = Vec::with_capacity(images.len());
            for image in &images {
                let config = serde_json::from_slice(&image.config)
                    .context("the image's config is not JSON")?;
                configs.push((image.platform.to_string(), config));
            }
            fields.insert("image".to_owned(), one_or_all(configs, several));
            for (field, kind) in [
                ("SBOM", AttestationKind::Contents),
                ("Provenance", AttestationKind::Provenance),
            ] {
                if format.contains(&format!(".{field}")) {
                    let said = attested(engine, &images, kind).await?;
                    let said = match one_or_all(said, several) {
                        Json::Null => json!({}),
                        said => said,
                    };
                    fields.insert(field.to_owned(), said);
                }
            }
        }
        let document = serde_json::to_vec(&fields)?;
        let of = inspected_type(self.index.is_some(), several);
        Ok(template.execute(&Value::decode_json(&document, &of)?)?)
    }

    fn manifest(&self) -> Json {
        let (media_type, digest) = (self.document.media_type(), self.document.digest());
        let size = self.document.bytes().len();
        let Some(index) = self.index else {
            return json!({ "mediaType": media_type, "digest": digest, "size": size });
        };
        json!({
            "schemaVersion": index.schema_version,
            "mediaType": media_type,
            "digest": digest,
            "size": size,
            "manifests": index.manifests,
            "annotations": index.annotations,
        })
    }
}

/// Whether a template asks for images or for everything: `.Image`, `.SBOM`, `.Provenance`, or a dot that no name follows.
fn wants_images(format: &str) -> bool {
    let mut parts = format.split('.').skip(1);
    parts.any(|part| {
        let is_name = part.starts_with(|first: char| first.is_ascii_alphabetic());
        !is_name
            || ["Image", "SBOM", "Provenance"]
                .iter()
                .any(|name| part.starts_with(name))
    })
}

/// Templates see the only image itself, and several by their platforms.
fn one_or_all(mut by_platform: Vec<(String, Json)>, several: bool) -> Json {
    if several {
        return Json::Object(by_platform.into_iter().collect());
    }
    by_platform.pop().map_or(Json::Null, |(_, only)| only)
}

/// What builds attested about each image, where they did.
async fn attested(
    engine: &Engine,
    images: &[RegistryImage],
    kind: AttestationKind,
) -> anyhow::Result<Vec<(String, Json)>> {
    let mut by_platform = Vec::new();
    for image in images {
        let mut predicates = Vec::new();
        for statement in engine.statements(image, kind).await? {
            let statement: Json =
                serde_json::from_slice(&statement).context("an attestation is not JSON")?;
            predicates.push(statement.get("predicate").cloned().unwrap_or_default());
        }
        let mut predicates = predicates.into_iter();
        let Some(first) = predicates.next() else {
            continue;
        };
        let said = match kind {
            AttestationKind::Contents => {
                json!({ "SPDX": first, "AdditionalSPDXs": predicates.collect::<Vec<_>>() })
            }
            AttestationKind::Provenance => json!({ "SLSA": first }),
        };
        by_platform.push((image.platform.to_string(), said));
    }
    Ok(by_platform)
}

#[cfg(test)]
mod tests {
    use super::wants_images;

    #[test]
    fn only_templates_that_want_images_cost_requests() {
        for (format, expected) in [
            ("{{.Name}} {{.Manifest.Digest}}", false),
            ("{{json .Manifest}}", false),
            ("{{json .}}", true),
            ("{{json .Image}}", true),
            ("{{.Name}} {{json .SBOM.SPDX}}", true),
            (r#"{{json (index .Provenance "linux/amd64").SLSA}}"#, true),
        ] {
            assert_eq!(wants_images(format), expected, "{format}");
        }
    }
}
