//! `xtask/architecture.toml`, read.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The rules.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Architecture {
    /// No Rust file may have more lines.
    pub(super) maximum_lines: usize,
    /// For each crate, the crates of this workspace that it may depend on.
    pub(super) edges: BTreeMap<String, Vec<String>>,
    /// Packages for some crates only.
    #[serde(rename = "fence", default)]
    pub(super) fences: Vec<Fence>,
    /// Words for some files only.
    #[serde(rename = "word", default)]
    pub(super) words: Vec<Word>,
}

/// Packages that only some crates may depend on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fence {
    pub(super) packages: Vec<String>,
    pub(super) only: Vec<String>,
    pub(super) why: String,
}

/// A word that may stand only in some files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) only: Vec<String>,
    pub(super) why: String,
}

impl Architecture {
    /// Reads the rules from `file`.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("in {}", file.display()))
    }
}
