//! What `buildx imagetools inspect` prints without a template, and what it shows to one.

use std::fmt::Write as _;

use wharf_oci::{Descriptor, RawManifest, Reference};
use wharf_template::{StructType, Type};

use super::inspect::{descriptor_type, digest_type, oci_config_type, platform_type};

/// A line: the cell of the first column, and what follows; a line without a first column ends a block of columns.
type Line = (Option<String>, String);

/// Name, media type and digest, then each manifest of an index.
pub(crate) fn image_tools_text(
    reference: &Reference,
    raw: &RawManifest,
    manifests: &[Descriptor],
) -> String {
    let cell = |title: &str, text: String| (Some(title.to_owned()), text);
    let head = [
        cell("Name:", reference.to_string()),
        cell("MediaType:", raw.media_type().to_string()),
        cell("Digest:", raw.digest().to_string()),
    ];
    let mut text = aligned(&head, 1);
    if manifests.is_empty() {
        return text;
    }
    text.push_str(&aligned(
        &[cell("", String::new()), cell("Manifests:", String::new())],
        1,
    ));
    let mut lines: Vec<Line> = Vec::new();
    for (number, manifest) in manifests.iter().enumerate() {
        if number > 0 {
            lines.push(cell("", String::new()));
        }
        lines.push(cell("  Name:", format!("{reference}@{}", manifest.digest)));
        lines.push(cell("  MediaType:", manifest.media_type.to_string()));
        if let Some(platform) = &manifest.platform {
            lines.push(cell("  Platform:", platform.to_string()));
            if !platform.os_version.is_empty() {
                lines.push(cell("  OSVersion:", platform.os_version.clone()));
            }
            if !platform.os_features.is_empty() {
                lines.push(cell("  OSFeatures:", platform.os_features.join(", ")));
            }
        }
        if let Some(urls) = manifest.urls.as_ref().filter(|urls| !urls.is_empty()) {
            lines.push(cell("  URLs:", urls.join(", ")));
        }
        if let Some(annotations) = manifest
            .annotations
            .as_ref()
            .filter(|annotations| !annotations.is_empty())
        {
            lines.push(cell("  Annotations:", String::new()));
            let rows: Vec<Line> = annotations
                .iter()
                .map(|(key, value)| cell(&format!("    {key}:"), value.clone()))
                .collect();
            lines.extend(
                aligned(&rows, 1)
                    .lines()
                    .map(|line| (None, line.to_owned())),
            );
        }
    }
    text.push_str(&aligned(&lines, 1));
    text
}

/// What templates see: Docker's plugin has other types for an index than for a manifest, and for several images.
pub(crate) fn inspected_type(is_index: bool, several: bool) -> Type {
    let manifest = if is_index {
        // A struct without a name.
        StructType::new("struct {}")
            .field("SchemaVersion", "schemaVersion", Type::Int)
            .optional_field("MediaType", "mediaType", Type::String)
            .field("Digest", "digest", digest_type())
            .field("Size", "size", Type::int64())
            .field("Manifests", "manifests", Type::list(descriptor_type()))
            .optional_field("Annotations", "annotations", Type::map(Type::String))
            .build()
    } else {
        descriptor_type()
    };
    let contents = StructType::new("imagetools.sbomStub")
        .optional_field("SPDX", "SPDX", Type::Any)
        .optional_field("AdditionalSPDXs", "AdditionalSPDXs", Type::list(Type::Any));
    let provenance =
        StructType::new("imagetools.provenanceStub").optional_field("SLSA", "SLSA", Type::Any);
    let of_images = |one: Type| if several { Type::map(one) } else { one };
    let name = if several {
        "imagetools.tplInputs"
    } else {
        "imagetools.tplInput"
    };
    StructType::new(name)
        .optional_field("Name", "name", Type::String)
        .optional_field("Manifest", "manifest", manifest)
        .optional_field("Image", "image", of_images(Type::pointer(image_type())))
        // Methods in Go, which JSON does not show: they are there only if a template asks for them.
        .optional_field("SBOM", "SBOM", of_images(Type::pointer(contents.build())))
        .optional_field(
            "Provenance",
            "Provenance",
            of_images(Type::pointer(provenance.build())),
        )
        .build()
}

/// The config of an image.
fn image_type() -> Type {
    let moment = || Type::pointer(Type::Time);
    let root_fs = StructType::new("v1.RootFS")
        .field("Type", "type", Type::String)
        .field("DiffIDs", "diff_ids", Type::list(digest_type()));
    let step = StructType::new("v1.History")
        .optional_field("Created", "created", moment())
        .optional_field("CreatedBy", "created_by", Type::String)
        .optional_field("Author", "author", Type::String)
        .optional_field("Comment", "comment", Type::String)
        .optional_field("EmptyLayer", "empty_layer", Type::Bool);
    StructType::new("v1.Image")
        .optional_field("Created", "created", moment())
        .optional_field("Author", "author", Type::String)
        .embedded("Platform", platform_type())
        .field("Config", "config", oci_config_type())
        .field("RootFS", "rootfs", root_fs.build())
        .optional_field("History", "history", Type::list(step.build()))
        .build()
}

/// Aligns what follows the first column, block by block, as Go's `tabwriter` does.
fn aligned(lines: &[Line], padding: usize) -> String {
    let mut text = String::new();
    let mut rest = lines;
    while !rest.is_empty() {
        let block = rest.iter().take_while(|(cell, _)| cell.is_some()).count();
        let (columns, after) = rest.split_at(block);
        let cells = columns.iter().filter_map(|(cell, _)| cell.as_ref());
        let width = cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
            + padding;
        for (cell, line) in columns {
            _ = writeln!(
                text,
                "{:<width$}{line}",
                cell.as_deref().unwrap_or_default()
            );
        }
        rest = match after.split_first() {
            Some(((_, line), after)) => {
                _ = writeln!(text, "{line}");
                after
            }
            None => after,
        };
    }
    text
}
