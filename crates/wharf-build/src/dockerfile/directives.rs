//! Parser directives: the comments `# syntax=`, `# escape=` and `# check=` at the very top.

use super::error::{DockerfileError, Reason};
use super::place::Lines;

/// What the directives say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Directives {
    /// `# syntax=`: the frontend that the file was written for.
    pub syntax: Option<Directive>,
    /// `# escape=`, if it is there: see [`super::Dockerfile::escape`].
    pub escape: Option<Directive>,
    /// `# check=`: what the checks shall do.
    pub check: Option<Directive>,
}

/// One directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// What stands behind `=`, without spaces around it.
    pub value: String,
    /// Its line.
    pub line: usize,
}

/// Reads directives as long as each line is one.
#[derive(Debug, Default)]
pub(super) struct DirectiveReader {
    pub(super) directives: Directives,
    done: bool,
}

impl DirectiveReader {
    /// Takes the next line of the file and says whether it is a directive.
    pub(super) fn take(&mut self, text: &str, line: usize) -> Result<bool, DockerfileError> {
        if self.done || (line == 1 && text.starts_with("#!")) {
            return Ok(false);
        }
        let found = text.strip_prefix('#').and_then(assignment);
        let Some((key, value)) = found else {
            self.done = true;
            return Ok(false);
        };
        let (slot, directive) = match key.to_ascii_lowercase().as_str() {
            "syntax" => (&mut self.directives.syntax, "syntax"),
            "escape" => (&mut self.directives.escape, "escape"),
            "check" => (&mut self.directives.check, "check"),
            _ => {
                self.done = true;
                return Ok(false);
            }
        };
        if slot.is_some() {
            return Err(DockerfileError::at(
                Lines::one(line),
                Reason::DuplicateDirective { directive },
            ));
        }
        *slot = Some(Directive {
            value: value.to_owned(),
            line,
        });
        Ok(true)
    }

    /// The escape character so far.
    pub(super) fn escape(&self) -> Result<char, DockerfileError> {
        let Some(directive) = &self.directives.escape else {
            return Ok('\\');
        };
        match directive.value.as_str() {
            "\\" => Ok('\\'),
            "`" => Ok('`'),
            token => Err(DockerfileError::at(
                Lines::one(directive.line),
                Reason::EscapeToken {
                    token: token.to_owned(),
                },
            )),
        }
    }
}

/// `key = value`, with letters and digits in the key and something in the value.
pub(super) fn assignment(text: &str) -> Option<(&str, &str)> {
    let (key, value) = text.trim_start().split_once('=')?;
    let key = key.trim_end();
    let value = value.trim();
    let named = key.starts_with(|first: char| first.is_ascii_alphabetic())
        && key
            .chars()
            .all(|character| character.is_ascii_alphanumeric());
    (named && !value.is_empty()).then_some((key, value))
}
