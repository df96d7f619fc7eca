//! From lines of the file to logical lines: comments and directives taken away, continued lines joined, heredocs read.

use std::borrow::Cow;

use super::directives::{DirectiveReader, Directives};
use super::error::{DockerfileError, Reason};
use super::heredoc::{Heredoc, heredocs_of_line};
use super::limits::{MAXIMUM_HEREDOCS, MAXIMUM_LINE_BYTES};
use super::place::Lines;

/// One instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogicalLine {
    /// The text, joined.
    pub(super) text: String,
    /// Where it stands, with the bodies of its heredocs.
    pub(super) lines: Lines,
    /// The comments right above it, without `#`.
    pub(super) comments: Vec<String>,
    /// Whether an empty line stands between its parts; then, where its text ends.
    pub(super) empty_continuation: Option<usize>,
}

/// Reads a file line by line.
#[derive(Debug)]
pub(super) struct LineReader<'a> {
    rest: &'a [u8],
    line: usize,
    directives: DirectiveReader,
    escape: char,
    heredocs: usize,
}

impl<'a> LineReader<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self {
            rest: file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file),
            line: 0,
            directives: DirectiveReader::default(),
            escape: '\\',
            heredocs: 0,
        }
    }

    pub(super) const fn escape(&self) -> char {
        self.escape
    }

    pub(super) fn into_directives(self) -> Directives {
        self.directives.directives
    }

    /// The next instruction's text; `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<LogicalLine>, DockerfileError> {
        let mut comments = Vec::new();
        while let Some(raw) = self.physical()? {
            let line = trim_line_end(&raw).trim_start();
            let is_directive = self.directives.take(line, self.line)?;
            if is_directive {
                self.escape = self.directives.escape()?;
                continue;
            }
            if is_comment(line) {
                let comment = raw.trim_start().trim_start_matches('#').trim();
                if comment.is_empty() {
                    comments.clear();
                } else {
                    comments.push(comment.to_owned());
                }
                continue;
            }
            let first = self.line;
            let (text, continued) = self.without_continuation(line);
            if !continued && text.is_empty() {
                continue;
            }
            let mut logical = LogicalLine {
                text: text.to_owned(),
                lines: Lines::one(first),
                comments: std::mem::take(&mut comments),
                empty_continuation: None,
            };
            self.continuation(&mut logical, continued)?;
            logical.lines.last = self.line;
            return Ok(Some(logical));
        }
        Ok(None)
    }

    fn continuation(
        &mut self,
        logical: &mut LogicalLine,
        mut continued: bool,
    ) -> Result<(), DockerfileError> {
        let mut has_empty = false;
        while continued {
            let Some(raw) = self.physical()? else {
                break;
            };
            let line = trim_line_end(&raw);
            if is_comment(line) {
                continue;
            }
            if line.trim_start().is_empty() {
                has_empty = true;
                continue;
            }
            let (text, more) = self.without_continuation(line);
            logical.text.push_str(text);
            continued = more;
        }
        logical.empty_continuation = has_empty.then_some(self.line);
        Ok(())
    }

    /// Reads the bodies of the heredocs that the line begins.
    pub(super) fn heredocs(
        &mut self,
        line: &mut LogicalLine,
    ) -> Result<Vec<Heredoc>, DockerfileError> {
        let mut heredocs = heredocs_of_line(&line.text, line.lines)?;
        self.heredocs += heredocs.len();
        if self.heredocs > MAXIMUM_HEREDOCS {
            return Err(DockerfileError::at(
                line.lines,
                Reason::Limit {
                    what: "number of heredocs",
                    limit: MAXIMUM_HEREDOCS,
                },
            ));
        }
        for heredoc in &mut heredocs {
            loop {
                let Some(raw) = self.physical()? else {
                    return Err(DockerfileError::at(
                        line.lines,
                        Reason::UnterminatedHeredoc {
                            terminator: heredoc.name.clone(),
                        },
                    ));
                };
                let mut end = trim_line_end(&raw);
                if heredoc.strips_tabs {
                    end = end.trim_start_matches('\t');
                }
                if end == heredoc.name {
                    break;
                }
                heredoc.body.push_str(&raw);
            }
        }
        line.lines.last = self.line;
        Ok(heredocs)
    }

    /// The next line of the file, with its end.
    fn physical(&mut self) -> Result<Option<String>, DockerfileError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let length = self
            .rest
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.rest.len(), |position| position + 1);
        let (line, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += 1;
        if line.len() > MAXIMUM_LINE_BYTES {
            return Err(DockerfileError::at(
                Lines::one(self.line),
                Reason::Limit {
                    what: "dockerfile line",
                    limit: MAXIMUM_LINE_BYTES,
                },
            ));
        }
        match String::from_utf8_lossy(line) {
            // a comment may be in any encoding
            Cow::Owned(text) if !is_comment(&text) => {
                Err(DockerfileError::at(Lines::one(self.line), Reason::NotUtf8))
            }
            text => Ok(Some(text.into_owned())),
        }
    }

    /// The line without an escape character at its end, and whether there was one. Two of them are none.
    fn without_continuation<'line>(&self, line: &'line str) -> (&'line str, bool) {
        let text = line.trim_end_matches([' ', '\t']);
        match text.strip_suffix(self.escape) {
            Some(before) if !before.ends_with(self.escape) => (before, true),
            _ => (line, false),
        }
    }
}

fn trim_line_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
