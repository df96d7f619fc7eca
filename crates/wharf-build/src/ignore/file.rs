//! The file: lines to patterns.

use super::pattern::clean_path;

/// How large the file may be.
pub const MAXIMUM_IGNORE_FILE_BYTES: usize = 1024 * 1024;
/// How long a line may be, as BuildKit's reader has it.
const MAXIMUM_LINE_BYTES: usize = 65_535;
/// How many patterns there may be.
const MAXIMUM_PATTERNS: usize = 10_000;

/// A `.dockerignore` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IgnoreFileError {
    /// Too large, too long a line, too many patterns.
    #[error("{what} greater than max allowed size of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it may be, in bytes, or how many there may be.
        limit: usize,
    },
    /// Bytes that are no UTF-8, outside of comments.
    #[error("line {line} is not UTF-8: save the file with that encoding")]
    NotUtf8 {
        /// The line, counted from one.
        line: usize,
    },
}

/// The patterns of a file, each with its line, counted from one. A pattern that takes back begins with `!`.
///
/// Comments begin with `#` in the first column. A leading slash means nothing: every pattern begins at the context's root.
///
/// # Errors
/// If the file is larger than the limits allow, or no text.
pub fn ignore_patterns(file: &[u8]) -> Result<Vec<(usize, String)>, IgnoreFileError> {
    let limit = |what, limit| Err(IgnoreFileError::Limit { what, limit });
    if file.len() > MAXIMUM_IGNORE_FILE_BYTES {
        return limit(".dockerignore", MAXIMUM_IGNORE_FILE_BYTES);
    }
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut patterns = Vec::new();
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        if line.len() > MAXIMUM_LINE_BYTES {
            return limit(".dockerignore line", MAXIMUM_LINE_BYTES);
        }
        if line.starts_with(b"#") {
            continue;
        }
        let number = index + 1;
        let text = std::str::from_utf8(line)
            .map_err(|_no_text| IgnoreFileError::NotUtf8 { line: number })?;
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        if patterns.len() == MAXIMUM_PATTERNS {
            return limit("number of patterns in .dockerignore", MAXIMUM_PATTERNS);
        }
        patterns.push((number, normalized(text)));
    }
    Ok(patterns)
}

fn normalized(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('!') {
        Some(rest) => ("!", rest.trim()),
        None => ("", text),
    };
    if rest.is_empty() {
        return sign.to_owned();
    }
    let path = clean_path(rest);
    let relative = path.strip_prefix('/').filter(|rest| !rest.is_empty());
    format!("{sign}{}", relative.unwrap_or(&path))
}
