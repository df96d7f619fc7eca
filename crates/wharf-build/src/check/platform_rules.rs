//! `FROM --platform=`.

use wharf_oci::Platform;

use crate::dockerfile::expand::Expanded;
use crate::dockerfile::{Stage, Suggestion};

use super::options::CheckOptions;
use super::problem::{Problem, StageReason};
use super::report::CheckReport;
use super::rule::Rule;
use super::whole_file::Checked;

const TARGET_PLATFORM: &str = "TARGETPLATFORM";

pub(super) fn check_platform(
    checked: &Checked<'_>,
    stage: &Stage,
    written: &str,
    expanded: &Expanded,
    options: &CheckOptions,
    report: &mut CheckReport,
) -> Result<(), Problem> {
    let value = &expanded.text;
    if value.is_empty() {
        let names = || checked.global.0.keys().map(String::as_str);
        let mut suggestions = expanded
            .unmatched
            .iter()
            .map(|name| Suggestion::among(name, names()));
        let reason = StageReason::EmptyPlatform {
            written: written.to_owned(),
            suggestion: suggestions
                .find(|found| found.word().is_some())
                .unwrap_or_default(),
        };
        return Err(Problem::at(stage.lines, reason));
    }
    let only_target = expanded.matched.len() == 1 && expanded.unmatched.is_empty();
    if only_target
        && expanded.matched.contains(TARGET_PLATFORM)
        && checked.global.0.get(TARGET_PLATFORM) == Some(value)
    {
        let detail = format!(
            "Setting platform to predefined {written} in FROM is redundant as this is the default behavior"
        );
        report.add(options, Rule::RedundantTargetPlatform, stage.lines, detail);
    }
    let platform: Platform = value.parse().map_err(|error: wharf_oci::PlatformError| {
        let reason = StageReason::Platform {
            written: written.to_owned(),
            cause: error.to_string(),
        };
        Problem::at(stage.lines, reason)
    })?;
    let is_constant = expanded.matched.is_empty() && expanded.unmatched.is_empty();
    // a stage that names its platform means it
    let name = stage.name.as_deref().unwrap_or_default();
    if is_constant && !name.contains(&platform.os) && !name.contains(&platform.architecture) {
        let detail = format!("FROM --platform flag should not use constant value {value:?}");
        report.add(
            options,
            Rule::FromPlatformFlagConstDisallowed,
            stage.lines,
            detail,
        );
    }
    Ok(())
}
