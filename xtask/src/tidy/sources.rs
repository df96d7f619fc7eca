//! What stands in the files: lengths, module comments, names, fenced words, paths of one machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::architecture::Architecture;

/// Names that say nothing about what a file owns.
const EMPTY_NAMES: [&str; 7] = [
    "util", "utils", "common", "helper", "helpers", "misc", "manager",
];
/// Files that are written for people or machines and that tidy reads.
const TEXT_KINDS: [&str; 6] = ["rs", "toml", "md", "sh", "txt", "yml"];
/// What begins an item that is more than a list of modules.
const LOGIC: [&str; 8] = [
    "fn ", "impl ", "impl<", "struct ", "enum ", "trait ", "const ", "static ",
];

/// Checks each file below `root`, adds what is wrong to `complaints` and gives the number of files.
pub(super) fn check_sources(
    root: &Path,
    architecture: &Architecture,
    complaints: &mut Vec<String>,
) -> Result<usize> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "docs", ".cargo", ".ci", "fuzz"] {
        let folder = root.join(folder);
        if folder.is_dir() {
            collect_files(&folder, &mut files)?;
        }
    }
    for name in ["Cargo.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let file = root.join(name);
        if file.is_file() {
            files.push(file);
        }
    }
    let checkout = root.display().to_string();
    for file in &files {
        let path = file
            .strip_prefix(root)
            .unwrap_or(file)
            .display()
            .to_string();
        let bytes = fs::read(file).with_context(|| format!("reading {path}"))?;
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(&checkout) {
            complaints.push(format!(
                "{path}: names `{checkout}`, a folder of this machine"
            ));
        }
        if file.extension() == Some(OsStr::new("rs")) {
            check_rust(&path, &text, architecture, complaints);
        }
    }
    Ok(files.len())
}

fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let entry = entry?;
        let path = entry.path();
        let kind = path.extension().and_then(OsStr::to_str).unwrap_or_default();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                collect_files(&path, files)?;
            }
        } else if TEXT_KINDS.contains(&kind) || kind.is_empty() {
            files.push(path);
        }
    }
    Ok(())
}

fn check_rust(path: &str, text: &str, architecture: &Architecture, complaints: &mut Vec<String>) {
    let lines = text.lines().count();
    if lines > architecture.maximum_lines {
        complaints.push(format!(
            "{path}: {lines} lines, more than {}",
            architecture.maximum_lines
        ));
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // The tests of the file beside it.
    if name != "tests.rs" && !text.trim_start().starts_with("//!") {
        complaints.push(format!(
            "{path}: no module comment (`//!`) at the top that says what the file owns"
        ));
    }
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    if EMPTY_NAMES.contains(&stem)
        || EMPTY_NAMES.contains(&folder.rsplit('/').next().unwrap_or_default())
    {
        complaints.push(format!(
            "{path}: a name that says nothing about what the file owns"
        ));
    }
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        if name == "mod.rs" && is_logic(code) {
            complaints.push(format!(
                "{path}:{}: mod.rs only lists and re-exports",
                index + 1
            ));
        }
        for word in &architecture.words {
            let allowed = word
                .only
                .iter()
                .any(|place| path == place || (place.ends_with('/') && path.starts_with(place)));
            if !allowed && code.contains(&word.text) {
                complaints.push(format!(
                    "{path}:{}: `{}` may not stand here: {}",
                    index + 1,
                    word.text,
                    word.why
                ));
            }
        }
    }
}

fn is_logic(code: &str) -> bool {
    let item = ["pub(crate) ", "pub(super) ", "pub "]
        .iter()
        .find_map(|visibility| code.strip_prefix(visibility))
        .unwrap_or(code);
    LOGIC.iter().any(|start| item.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        maximum_lines = 4
        [edges]
        [[word]]
        text = "secret"
        only = ["crates/a/src/"]
        why = "it is one"
    "#;

    #[test]
    fn each_rule_is_broken_once() {
        let table = [
            ("crates/a/src/x.rs", "//! Owns x.\nuse secret;\n", ""),
            (
                "crates/b/src/x.rs",
                "//! Owns x.\nuse secret;\n",
                "it is one",
            ),
            ("crates/b/src/x.rs", "//! Owns x.\n// A secret.\n", ""),
            ("crates/a/src/x.rs", "use y;\n", "no module comment"),
            (
                "crates/a/src/x.rs",
                "//! Owns x.\n1\n2\n3\n4\n",
                "5 lines, more than 4",
            ),
            (
                "crates/a/src/util.rs",
                "//! Owns x.\n",
                "a name that says nothing",
            ),
            (
                "crates/a/src/common/x.rs",
                "//! Owns x.\n",
                "a name that says nothing",
            ),
            (
                "crates/a/src/m/mod.rs",
                "//! Owns x.\nmod y;\npub use y::Z;\n",
                "",
            ),
            (
                "crates/a/src/m/mod.rs",
                "//! Owns x.\npub(crate) fn y() {}\n",
                "only lists and re-exports",
            ),
        ];
        for (path, text, expected) in table {
            let mut complaints = Vec::new();
            check_rust(path, text, &toml::from_str(RULES).unwrap(), &mut complaints);
            let found = complaints
                .iter()
                .any(|complaint| complaint.contains(expected));
            assert!(
                if expected.is_empty() {
                    complaints.is_empty()
                } else {
                    found
                },
                "{path} {text:?}: {complaints:?}"
            );
        }
    }
}
