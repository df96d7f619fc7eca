//! The list of the portal's files that the registry is compiled with.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::compare::file_paths;

/// Where the list stands.
const LISTING: &str = "crates/wharf-registry/src/http/portal/files.rs";
/// The way from there to what is listed.
const TO_DIST: &str = "../../../../../ui/dist";

const HEAD: &str = "//! The portal's files. `cargo xtask portal build` writes this list.

/// Path and content of each file.
#[rustfmt::skip]
pub(super) const FILES: &[(&str, &[u8])] = &[
";

/// Lists what is in `ui/dist`.
#[expect(
    clippy::disallowed_methods,
    reason = "a half-written source file does not compile, and git has the one before"
)]
pub(super) fn write(root: &Path) -> Result<()> {
    let file = root.join(LISTING);
    fs::write(&file, listing(root)?).with_context(|| format!("writing {}", file.display()))
}

/// What is wrong with the list, if anything.
pub(super) fn complaint(root: &Path) -> Result<Option<String>> {
    let text =
        fs::read_to_string(root.join(LISTING)).with_context(|| format!("reading {LISTING}"))?;
    let right = text == listing(root)?;
    Ok((!right).then(|| format!("{LISTING}: does not list the files of ui/dist")))
}

fn listing(root: &Path) -> Result<String> {
    let mut text = HEAD.to_owned();
    for path in file_paths(&root.join("ui/dist"))? {
        let path = path.display();
        writeln!(
            text,
            "    (\"/{path}\", include_bytes!(\"{TO_DIST}/{path}\")),"
        )?;
    }
    text.push_str("];\n");
    Ok(text)
}
