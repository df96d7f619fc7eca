//! `cargo xtask tidy`: the rules that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::process::{repository_root, say};

/// No Rust file may be longer than this, tests included.
const MAXIMUM_LINES: usize = 800;

/// What `cargo xtask tidy` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct TidyArguments {}

/// Checks the whole repository.
pub(crate) fn run(_arguments: &TidyArguments) -> Result<()> {
    let mut files = Vec::new();
    collect_rust_files(&repository_root().join("crates"), &mut files)?;
    collect_rust_files(&repository_root().join("xtask"), &mut files)?;
    let mut complaints = 0;
    for file in &files {
        let lines = fs::read_to_string(file)
            .with_context(|| format!("reading {}", file.display()))?
            .lines()
            .count();
        if lines > MAXIMUM_LINES {
            say(&format!(
                "{}: {lines} lines, more than {MAXIMUM_LINES}",
                file.display()
            ));
            complaints += 1;
        }
    }
    if complaints > 0 {
        bail!("tidy found {complaints} places to put right");
    }
    say(&format!(
        "tidy: {} files, nothing to put right",
        files.len()
    ));
    Ok(())
}

fn collect_rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect_rust_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
