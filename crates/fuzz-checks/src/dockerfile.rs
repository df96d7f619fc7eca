//! Dockerfiles: read, checked, and what is printed about them.

use std::collections::BTreeMap;

use wharf_build::check::{CheckRequest, check as check_file};
use wharf_build::dockerfile::{Dockerfile, Lines};
use wharf_oci::Platform;

/// Takes any bytes for a Dockerfile.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let count = text.split('\n').count();
    match Dockerfile::parse(bytes) {
        Ok(dockerfile) => check_places(&dockerfile, count),
        Err(error) => {
            let beyond = error.lines.is_some_and(|lines| lines.last > count);
            assert!(!beyond, "an error names a line that is not there");
        }
    }
    let platform = Platform::new("linux", "amd64", "");
    let report = check_file(CheckRequest {
        file: bytes,
        build_arguments: &BTreeMap::new(),
        target: None,
        ignore: None,
        build_platform: &platform,
        target_platform: &platform,
    });
    let printed = report.text("Dockerfile", &text);
    for finding in &report.findings {
        assert!(
            printed.contains(&finding.detail),
            "a finding is not printed"
        );
        assert!(
            finding.lines.last <= count,
            "a finding names a line that is not there"
        );
    }
    let problem = report.problem_text("Dockerfile", &text);
    assert!(
        problem.is_some() == report.problem.is_some(),
        "a problem is not printed"
    );
}

/// Instructions stand in order, each behind the one before.
fn check_places(dockerfile: &Dockerfile, count: usize) {
    assert!(!dockerfile.stages.is_empty(), "a file has a stage");
    let globals = dockerfile
        .global_arguments
        .iter()
        .map(|global| global.lines);
    let stages = dockerfile.stages.iter().flat_map(|stage| {
        let instructions = stage
            .instructions
            .iter()
            .map(|instruction| instruction.lines);
        std::iter::once(stage.lines).chain(instructions)
    });
    let mut end = 0;
    for Lines { first, last } in globals.chain(stages) {
        assert!(
            end < first && first <= last && last <= count,
            "places are not in order"
        );
        end = last;
    }
}
