//! Files that a test makes: no atomicity is needed, failure ends the test.

use std::fs;
use std::path::Path;

/// Writes `content` to the new or existing file `path`.
#[expect(
    clippy::disallowed_methods,
    reason = "files of a test in a folder of its own need not be written atomically"
)]
pub fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}

/// Reads the whole file `path`.
pub fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("reading {}: {error}", path.display()))
}
