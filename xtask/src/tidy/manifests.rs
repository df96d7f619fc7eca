//! What stands in the `Cargo.toml` of each crate: edges, fences, and that everything is inherited from the workspace.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use super::architecture::Architecture;

/// The tables that hold dependencies of what people run.
const PRODUCT_TABLES: [&str; 2] = ["dependencies", "build-dependencies"];
/// What a package takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];

/// Checks each crate's manifest and gives what is wrong.
pub(super) fn check_manifests(root: &Path, architecture: &Architecture) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for file in manifests(root)? {
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let manifest: Table =
            toml::from_str(&text).with_context(|| format!("in {}", file.display()))?;
        let shown = file.strip_prefix(root).unwrap_or(&file).display();
        complaints.extend(
            check_manifest(&manifest, architecture)
                .into_iter()
                .map(|complaint| format!("{shown}: {complaint}")),
        );
    }
    Ok(complaints)
}

fn manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = vec![root.join("xtask/Cargo.toml")];
    for entry in fs::read_dir(root.join("crates")).context("listing crates")? {
        files.push(entry?.path().join("Cargo.toml"));
    }
    files.sort();
    Ok(files)
}

fn check_manifest(manifest: &Table, architecture: &Architecture) -> Vec<String> {
    let mut complaints = Vec::new();
    let package = manifest.get("package").and_then(Value::as_table);
    let name = package
        .and_then(|package| package.get("name")?.as_str())
        .unwrap_or_default();
    let Some(edges) = architecture.edges.get(name) else {
        return vec![format!(
            "the crate `{name}` is not in xtask/architecture.toml"
        )];
    };
    for table in PRODUCT_TABLES {
        for dependency in names(manifest, table) {
            if architecture.edges.contains_key(dependency)
                && !edges.iter().any(|edge| edge == dependency)
            {
                complaints.push(format!(
                    "`{name}` may not depend on `{dependency}` (edges in xtask/architecture.toml)"
                ));
            }
            for fence in architecture
                .fences
                .iter()
                .filter(|fence| fence.packages.iter().any(|package| package == dependency))
            {
                if !fence.only.iter().any(|only| only == name) {
                    complaints.push(format!(
                        "`{name}` may not depend on `{dependency}`: {}",
                        fence.why
                    ));
                }
            }
        }
    }
    for table in PRODUCT_TABLES.into_iter().chain(["dev-dependencies"]) {
        let entries = manifest
            .get(table)
            .and_then(Value::as_table)
            .into_iter()
            .flatten();
        for (dependency, _) in entries.filter(|(_, value)| !is_inherited(Some(value))) {
            complaints.push(format!("`{dependency}` must be `{dependency}.workspace = true`: each version and reason stands once"));
        }
    }
    for field in INHERITED {
        if !is_inherited(package.and_then(|package| package.get(field))) {
            complaints.push(format!(
                "`package.{field}` must be inherited from the workspace"
            ));
        }
    }
    if package
        .and_then(|package| package.get("description"))
        .is_none()
    {
        complaints.push(
            "`package.description` is missing: what the crate owns, in one sentence".to_owned(),
        );
    }
    if !is_inherited(manifest.get("lints")) {
        complaints.push("`[lints] workspace = true` is missing".to_owned());
    }
    complaints
}

fn names<'a>(manifest: &'a Table, table: &str) -> impl Iterator<Item = &'a str> {
    manifest
        .get(table)
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
}

fn is_inherited(value: Option<&Value>) -> bool {
    value
        .and_then(|value| value.get("workspace"))
        .and_then(Value::as_bool)
        == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        maximum_lines = 800
        [edges]
        low = []
        high = ["low"]
        [[fence]]
        packages = ["tokio"]
        only = ["high"]
        why = "the line"
    "#;

    fn check(name: &str, rest: &str) -> Vec<String> {
        let inherited = INHERITED.join(
            ".workspace = true
",
        );
        let manifest = format!(
            "[package]\nname = \"{name}\"\ndescription = \"x\"\n{inherited}.workspace = true\n{rest}\n[lints]\nworkspace = true\n"
        );
        check_manifest(
            &toml::from_str(&manifest).unwrap(),
            &toml::from_str(RULES).unwrap(),
        )
    }

    #[test]
    fn a_good_manifest_passes() {
        assert_eq!(
            check(
                "high",
                "[dependencies]\nlow.workspace = true\ntokio = { workspace = true, features = [\"rt\"] }"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn each_rule_is_broken_once() {
        let table = [
            (
                "low",
                "[dependencies]\nhigh.workspace = true",
                "`low` may not depend on `high`",
            ),
            ("low", "[dependencies]\ntokio.workspace = true", "the line"),
            (
                "low",
                "[build-dependencies]\ntokio.workspace = true",
                "the line",
            ),
            (
                "high",
                "[dev-dependencies]\ninsta = \"1\"",
                "`insta` must be `insta.workspace = true`",
            ),
            ("other", "", "the crate `other` is not in"),
        ];
        for (name, rest, expected) in table {
            let complaints = check(name, rest);
            assert!(
                complaints
                    .iter()
                    .any(|complaint| complaint.contains(expected)),
                "{expected} is not in {complaints:?}"
            );
        }
    }

    #[test]
    fn what_is_not_inherited_is_named() {
        let manifest = "[package]\nname = \"low\"\nversion = \"1.0.0\"\n";
        let complaints = check_manifest(
            &toml::from_str(manifest).unwrap(),
            &toml::from_str(RULES).unwrap(),
        );
        assert_eq!(complaints.len(), INHERITED.len() + 2, "{complaints:?}");
    }
}
