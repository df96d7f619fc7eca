//! The part of docs/performance.md about the registry.

use std::path::Path;

use anyhow::Result;

use super::page::{hardware, replace_part};
use super::serving_targets::serving_targets;
use super::table::{line, spread};
use crate::serving::{Case, CaseFigures, Kind, Quantity, ServingFigures, Subject};

const BEGIN: &str = "<!-- figures of the registry: written by `cargo xtask bench registry` -->";
const END: &str = "<!-- end of the figures of the registry -->";

/// Replaces what stands between the registry's marks of `page` by the tables of `results`.
pub(crate) fn write_serving_page(
    page: &Path,
    results: &ServingFigures,
    installed: &[(Kind, String)],
) -> Result<()> {
    let versions: Vec<String> = installed
        .iter()
        .map(|(kind, version)| format!("{kind} {version}"))
        .collect();
    let mut text = String::new();
    line(
        &mut text,
        format_args!("{}. Servers: {}.", hardware(), versions.join(", ")),
    );
    text.push_str("\n### The registry's promises\n\n");
    text.push_str(&serving_targets(results));
    for (case, figures) in &results.cases {
        text.push('\n');
        text.push_str(&serving_table(*case, figures));
    }
    replace_part(page, (BEGIN, END), &text)
}

/// A Markdown table: a row for each subject and server, a column for each quantity.
pub(crate) fn serving_table(case: Case, figures: &CaseFigures) -> String {
    let mut text = format!("### {}\n\nMeasured {}.\n\n", title(case), figures.date);
    let columns: Vec<Quantity> = Quantity::ALL
        .into_iter()
        .filter(|quantity| {
            let mut all = figures.figures.iter();
            all.any(|figure| figure.quantity == *quantity)
        })
        .collect();
    let heads: Vec<&str> = columns.iter().map(|quantity| head(*quantity)).collect();
    line(
        &mut text,
        format_args!("| | | clients | server | {} |", heads.join(" | ")),
    );
    line(
        &mut text,
        format_args!("|---|---|---|---|{}", "---|".repeat(columns.len())),
    );
    for (subject, server) in rows(figures) {
        let cells: Vec<String> = columns
            .iter()
            .map(|quantity| {
                let summary = figures.summary(subject, server, *quantity);
                summary.map_or_else(String::new, |summary| spread(summary, 1.0))
            })
            .collect();
        let clients = match subject.clients {
            0 => String::new(),
            clients => clients.to_string(),
        };
        line(
            &mut text,
            format_args!(
                "| {} | {} | {clients} | {server} | {} |",
                subject.what,
                subject.scheme,
                cells.join(" | ")
            ),
        );
    }
    for failure in &figures.failures {
        line(&mut text, format_args!("\nFailed: {failure}"));
    }
    text
}

fn title(case: Case) -> &'static str {
    match case {
        Case::Manifests => "Manifests",
        Case::Blobs => "Blobs",
        Case::Pushes => "Pushes of new blobs",
        Case::Memory => "Memory at rest, and the start of a server that holds nothing",
        Case::Lists => "Pages of 100 of long lists, and the start of a server that holds them",
        Case::Garbage => "Pushes while garbage is collected",
    }
}

fn head(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::PerSecond => "a second: median (min - max)",
        Quantity::CpuPerThousand => "server's CPU s for 1,000",
        Quantity::MegabytesPerSecond => "MB/s: median (min - max)",
        Quantity::CpuPerGigabyte => "server's CPU s for 1 GB",
        Quantity::Median => "p50 ms",
        Quantity::P99 => "p99 ms",
        Quantity::Milliseconds => "ms: median (min - max)",
        Quantity::Megabytes => "MB",
    }
}

/// Subjects in the order in which they were measured, each over HTTP and then over TLS, the servers of each in theirs.
fn rows(figures: &CaseFigures) -> Vec<(&Subject, Kind)> {
    let mut whats: Vec<(&str, usize)> = Vec::new();
    let mut rows = Vec::new();
    for figure in &figures.figures {
        let row = (&figure.subject, figure.server);
        let what = (figure.subject.what.as_str(), figure.subject.clients);
        if !whats.contains(&what) {
            whats.push(what);
        }
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.sort_by_key(|(subject, server)| {
        let what = (subject.what.as_str(), subject.clients);
        let place = whats.iter().position(|found| *found == what);
        (place, subject.scheme, *server)
    });
    rows
}
