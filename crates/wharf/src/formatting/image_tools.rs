//! What `buildx imagetools inspect` prints without a template.

use std::fmt::Write as _;

use wharf_oci::{Descriptor, RawManifest, Reference};

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
    text.push_str(&aligned(&lines, 2));
    text
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
