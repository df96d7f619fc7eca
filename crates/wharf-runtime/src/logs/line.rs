//! One line of a log.

use serde::{Deserialize, Serialize};

/// One line of the file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    pub(super) log: std::borrow::Cow<'a, str>,
    pub(super) stream: std::borrow::Cow<'a, str>,
    pub(super) time: std::borrow::Cow<'a, str>,
}

/// One of the two streams of a container's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output; all output, if the container has a terminal.
    Stdout,
    /// Standard error.
    Stderr,
}

impl OutputStream {
    /// As the log names it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}
