//! docs/performance.md: text by people, tables by this program between two marks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use clap::ValueEnum as _;

use super::table::{case_table, line};
use super::targets;
use crate::cases::Case;
use crate::results::Results;
use crate::tools::Tool;
use crate::volume::VolumeKind;

const BEGIN: &str = "<!-- figures: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of the figures -->";

/// Replaces what stands between the marks of `page` by the tables of `results`.
pub(crate) fn write_page(
    page: &Path,
    results: &Results,
    installed: &[(Tool, String)],
    volume: VolumeKind,
) -> Result<()> {
    replace_part(page, (BEGIN, END), &figures(results, installed, volume))
}

/// Puts `figures` between the two `marks` of `page`.
pub(super) fn replace_part(page: &Path, marks: (&str, &str), figures: &str) -> Result<()> {
    let (begin, end) = marks;
    let text = fs::read_to_string(page).with_context(|| format!("reading {}", page.display()))?;
    let (before, rest) = text
        .split_once(begin)
        .with_context(|| format!("{} lacks the mark `{begin}`", page.display()))?;
    let (_, after) = rest
        .split_once(end)
        .with_context(|| format!("{} lacks the mark `{end}`", page.display()))?;
    let partial = page.with_extension("partial");
    let mut file = fs::File::create(&partial)?;
    std::io::Write::write_all(
        &mut file,
        format!("{before}{begin}\n\n{figures}\n{end}{after}").as_bytes(),
    )?;
    fs::rename(&partial, page).with_context(|| format!("writing {}", page.display()))
}

fn figures(results: &Results, installed: &[(Tool, String)], volume: VolumeKind) -> String {
    let mut text = machine(installed, volume);
    text.push_str("\n## The promises\n\n");
    text.push_str(&targets::table(results));
    text.push_str("\n## The figures\n");
    for case in Case::ALL {
        if let Some(measured) = results.cases.get(case.word()) {
            text.push('\n');
            text.push_str(&case_table(case.title(), case.shape(), measured));
        }
    }
    text
}

pub(super) fn machine(installed: &[(Tool, String)], volume: VolumeKind) -> String {
    let versions: Vec<String> = installed
        .iter()
        .filter(|(tool, _)| *tool != Tool::Ruler)
        .map(|(tool, version)| format!("{tool} {version}"))
        .collect();
    let volume = volume.to_possible_value();
    let volume = volume.as_ref().map_or("", |value| value.get_name());
    let mut text = String::new();
    line(
        &mut text,
        format_args!(
            "{}; stores on {volume}. Tools: {}.",
            hardware(),
            versions.join(", ")
        ),
    );
    text
}

/// Cores, memory and kernel in one phrase.
pub(super) fn hardware() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown", |(_, model)| model.trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes: u64 = memory
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    let system = rustix::system::uname();
    format!(
        "Machine: {cores} cores of {model}, {} GiB of memory, Linux {}",
        kilobytes.div_ceil(1 << 20),
        system.release().to_string_lossy(),
    )
}
