//! `.dockerignore`: which files of a context are not part of it. Pure.
//!
//! The patterns are those of `--exclude` and of `COPY --parents`, too.

mod file;
mod matcher;
mod pattern;
#[cfg(test)]
mod tests;

pub use file::{IgnoreFileError, MAXIMUM_IGNORE_FILE_BYTES, ignore_patterns};
pub use matcher::{ParentMatches, PatternMatcher};
pub(crate) use pattern::clean_path;
pub use pattern::{Glob, PatternFault};
