//! The files of an image, as far as an inventory asks for them.

use std::io;

/// Files of an image. Paths are relative and without links in front of their last name, as `var/lib/dpkg/status`.
pub trait ImageFiles {
    /// What a file holds, if there is one and it has at most `limit` bytes.
    ///
    /// # Errors
    /// If it cannot be read, or is longer.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FilesError>;

    /// The names in a folder, sorted; none if there is no such folder.
    ///
    /// # Errors
    /// If it cannot be read.
    fn names(&self, folder: &str) -> Result<Vec<String>, FilesError>;
}

/// A file of an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// It is longer than any database should be.
    #[error("{path} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// The disk failed.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}
