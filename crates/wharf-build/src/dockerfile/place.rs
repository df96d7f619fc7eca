//! Where something stands in a Dockerfile.

/// Lines of a file, counted from one, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lines {
    /// The first line.
    pub first: usize,
    /// The last line.
    pub last: usize,
}

impl Lines {
    /// One line.
    pub const fn one(line: usize) -> Self {
        Self {
            first: line,
            last: line,
        }
    }

    /// Whether the line is one of them.
    pub const fn contain(self, line: usize) -> bool {
        self.first <= line && line <= self.last
    }
}
