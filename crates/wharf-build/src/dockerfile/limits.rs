//! How much of a Dockerfile is read. The length of a line is BuildKit's.

/// The whole file, in bytes.
pub const MAXIMUM_FILE_BYTES: usize = 1024 * 1024;
/// One line with its end, in bytes.
pub const MAXIMUM_LINE_BYTES: usize = 65_535;
/// Instructions in the file.
pub const MAXIMUM_INSTRUCTIONS: usize = 10_000;
/// Heredocs in the file.
pub const MAXIMUM_HEREDOCS: usize = 1_000;
