//! Heredocs: `RUN <<EOF`, `COPY <<-"EOF" /path`.

use super::error::{DockerfileError, Reason};
use super::expand::{ExpandError, Lexer};
use super::place::Lines;

/// A heredoc with its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word behind `<<`, which also ends the body, and is the name of the file that COPY and ADD make.
    pub name: String,
    /// The number before `<<`.
    pub descriptor: Option<u32>,
    /// Whether variables in the body are substituted (by whoever reads it): not if a part of the word is quoted.
    pub expands: bool,
    /// `<<-`: tabs at the beginning of the body's lines go away.
    pub strips_tabs: bool,
    /// The body, as it is written.
    pub body: String,
}

impl Heredoc {
    /// The heredoc that a word begins, without its body; `None` if it begins none.
    ///
    /// # Errors
    /// If a quote in it is open.
    pub fn marker(word: &str) -> Result<Option<Self>, ExpandError> {
        let digits = word.chars().take_while(char::is_ascii_digit).count();
        let (descriptor, rest) = word.split_at_checked(digits).unwrap_or(("", word));
        let Some(rest) = rest.strip_prefix("<<") else {
            return Ok(None);
        };
        let (strips_tabs, rest) = match rest.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let rest = rest.trim_start_matches([' ', '\t', '\n', '\u{c}', '\r']);
        if rest.is_empty() || rest.contains('<') {
            return Ok(None);
        }
        let lexer = Lexer {
            keep_unset: true,
            ..Lexer::new('\\')
        };
        let quotes = |word: &String| word.matches(['\'', '"']).count();
        let plain = lexer.expand(rest, &())?.words;
        let quoted = Lexer {
            keep_quotes: true,
            ..lexer
        }
        .expand(rest, &())?
        .words;
        let ([name], [written]) = (plain.as_slice(), quoted.as_slice()) else {
            return Ok(None);
        };
        Ok(Some(Self {
            name: name.clone(),
            descriptor: descriptor.parse().ok(),
            expands: quotes(name) == quotes(written),
            strips_tabs,
            body: String::new(),
        }))
    }

    /// The body as whoever reads it gets it.
    pub fn content(&self) -> String {
        if !self.strips_tabs {
            return self.body.clone();
        }
        self.body
            .split_inclusive('\n')
            .map(|line| line.trim_start_matches('\t'))
            .collect()
    }
}

/// The heredocs that a line begins, in order.
pub(super) fn heredocs_of_line(line: &str, lines: Lines) -> Result<Vec<Heredoc>, DockerfileError> {
    let lexer = Lexer {
        keep_quotes: true,
        keep_escapes: true,
        keep_unset: true,
        ..Lexer::new('\\')
    };
    // what no shell word can be read from begins none: RUN's text is the shell's, not ours
    let words = lexer
        .expand(line, &())
        .map(|expanded| expanded.words)
        .unwrap_or_default();
    let mut heredocs = Vec::new();
    for word in words {
        let marker = Heredoc::marker(&word)
            .map_err(|error| DockerfileError::at(lines, Reason::Expand(error)))?;
        heredocs.extend(marker);
    }
    Ok(heredocs)
}
