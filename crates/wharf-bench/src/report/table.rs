//! The figures of one case as a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::results::{CaseResults, Quantity, Summary};
use crate::tools::{Tool, User};

/// What a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Wall time, CPU time and memory of each tool, with ratios.
    Usages,
    /// One figure a row.
    Figures,
}

/// A Markdown table: a row for each subject and tool.
pub(crate) fn case_table(title: &str, shape: Shape, results: &CaseResults) -> String {
    let mut text = format!("### {title}\n\nMeasured {}.\n\n", results.date);
    match shape {
        Shape::Figures => figures(&mut text, results),
        Shape::Usages => usages(&mut text, results),
    }
    for failure in &results.failures {
        line(&mut text, format_args!("\nFailed: {failure}"));
    }
    text
}

/// Wall, CPU and memory, with ratios.
fn usages(text: &mut String, results: &CaseResults) {
    text.push_str(
        "| | tool | wall s: median (min - max) | to the ruler | to wharf | CPU s: median (min - max) | to the ruler | to wharf | peak MB |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (subject, tool, user) in rows(results) {
        let find = |tool, quantity| results.summary(&subject, tool, user, quantity);
        let (Some(wall), Some(cpu), Some(peak)) = (
            find(tool, Quantity::WallSeconds),
            find(tool, Quantity::CpuSeconds),
            find(tool, Quantity::PeakBytes),
        ) else {
            continue;
        };
        let ratio = |own: Summary, other, quantity| {
            find(other, quantity).map_or_else(
                || String::from("-"),
                |other: Summary| format!("{:.2}", own.median / other.median),
            )
        };
        line(
            text,
            format_args!(
                "| {subject} | {tool} | {} | {} | {} | {} | {} | {} | {:.0} |",
                spread(wall, 1.0),
                ratio(wall, Tool::Ruler, Quantity::WallSeconds),
                ratio(wall, Tool::Wharf, Quantity::WallSeconds),
                spread(cpu, 1.0),
                ratio(cpu, Tool::Ruler, Quantity::CpuSeconds),
                ratio(cpu, Tool::Wharf, Quantity::CpuSeconds),
                peak.median / 1e6,
            ),
        );
    }
}

/// One figure a row.
fn figures(text: &mut String, results: &CaseResults) {
    text.push_str("| | tool | | median (min - max) |\n|---|---|---|---|\n");
    for record in &results.records {
        let Some(summary) = Summary::of(&record.values) else {
            continue;
        };
        let (unit, factor) = match record.quantity {
            Quantity::WallSeconds => ("wall ms", 1000.0),
            Quantity::CpuSeconds => ("CPU s", 1.0),
            Quantity::PeakBytes | Quantity::Bytes => ("MB", 1e-6),
            Quantity::Requests => ("requests", 1.0),
            Quantity::Kills => ("kills", 1.0),
        };
        line(
            text,
            format_args!(
                "| {} | {} | {unit} | {} |",
                record.subject,
                record.tool,
                spread(summary, factor)
            ),
        );
    }
}

/// Subjects in the order in which they were measured, the tools of each in theirs.
fn rows(results: &CaseResults) -> Vec<(String, Tool, User)> {
    let mut seen = BTreeSet::new();
    let mut subjects = Vec::new();
    for record in &results.records {
        if seen.insert(&record.subject) {
            subjects.push(&record.subject);
        }
    }
    let mut rows = Vec::new();
    for subject in subjects {
        let mut tools: Vec<(Tool, User)> = results
            .records
            .iter()
            .filter(|record| record.subject == *subject)
            .map(|record| (record.tool, record.user))
            .collect();
        tools.sort_by_key(|(tool, _)| *tool);
        tools.dedup();
        rows.extend(
            tools
                .into_iter()
                .map(|(tool, user)| (subject.clone(), tool, user)),
        );
    }
    rows
}

pub(super) fn spread(summary: Summary, factor: f64) -> String {
    let [median, minimum, maximum] =
        [summary.median, summary.minimum, summary.maximum].map(|value| short(value * factor));
    if minimum == maximum {
        return median;
    }
    format!("{median} ({minimum} - {maximum})")
}

/// Three digits are as much as a shared machine can tell.
pub(super) fn short(value: f64) -> String {
    if value == 0.0 || value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else if value >= 0.1 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

pub(super) fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // A string takes every write.
    let _ = writeln!(text, "{arguments}");
}
