//! `cargo xtask record-golden`: runs the golden scenarios with the real docker CLI and writes down what it prints.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::process::{cargo, repository_root, run as run_command};

/// What `cargo xtask record-golden` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct RecordGoldenArguments {
    /// The scenarios to record; all of them without any
    scenarios: Vec<String>,
}

/// Records the scenarios by the program of the test kit, which this crate does not link, to stay quick to compile.
pub(crate) fn run(arguments: &RecordGoldenArguments) -> Result<()> {
    let folder = repository_root().join("crates/wharf/tests/golden");
    let mut scenarios = arguments.scenarios.clone();
    if scenarios.is_empty() {
        for entry in
            fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?
        {
            let entry = entry?;
            if entry.path().join("scenario.txt").is_file() {
                scenarios.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        scenarios.sort();
    }
    for scenario in &scenarios {
        ensure!(
            folder.join(scenario).join("scenario.txt").is_file(),
            "there is no scenario `{scenario}` in {}",
            folder.display()
        );
    }
    let mut record = cargo();
    record.args([
        "run",
        "--quiet",
        "--package",
        "testkit",
        "--bin",
        "record-golden",
        "--",
    ]);
    run_command(record.arg(&folder).args(&scenarios))
}
