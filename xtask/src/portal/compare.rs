//! Two folders with files, compared.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The files of a folder by their path in it, with their content.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// What is different in `committed` from what was `built`, one line for each file.
pub(super) fn differences(committed: &Path, built: &Path) -> Result<Vec<String>> {
    let (committed, built) = (read_files(committed)?, read_files(built)?);
    let mut lines = Vec::new();
    for (path, content) in &built {
        match committed.get(path) {
            None => lines.push(format!("{}: is not committed", path.display())),
            Some(other) if other != content => {
                lines.push(format!("{}: differs", path.display()));
            }
            Some(_) => {}
        }
    }
    let stale = committed.keys().filter(|path| !built.contains_key(*path));
    lines.extend(stale.map(|path| format!("{}: is no longer built", path.display())));
    Ok(lines)
}

/// The paths of the files below `folder`, sorted.
pub(super) fn file_paths(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(read_files(folder)?.into_keys().collect())
}

fn read_files(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("listing {}", next.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let content = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
            files.insert(path.strip_prefix(folder)?.to_path_buf(), content);
        }
    }
    Ok(files)
}
