//! The lexer: one pass over a text that takes quotes and escapes away and puts values in.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher;

use unicode_general_category::{GeneralCategory, get_general_category};

use super::pattern::Pattern;

/// How deep `${a:-${b:-...}}` may nest.
const MAXIMUM_DEPTH: usize = 64;
/// How long a text may become, in bytes: a short Dockerfile can double a value as often as it likes.
const MAXIMUM_BYTES: usize = 1024 * 1024;

/// How many comparisons of one character the patterns of one text may take.
const MAXIMUM_WORK: usize = 1_000_000;

/// Where values come from.
pub trait Variables {
    /// The value of a variable; `None` if it is not set, which is not the same as empty.
    fn get(&self, name: &str) -> Option<&str>;
}

impl<S: BuildHasher> Variables for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<&str> {
        Self::get(self, name).map(String::as_str)
    }
}

/// No variable is set.
impl Variables for () {
    fn get(&self, _name: &str) -> Option<&str> {
        None
    }
}

/// What a text became.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text, with its spaces.
    pub text: String,
    /// The words of it. Values are split at spaces too, what was quoted or escaped is not.
    pub words: Vec<String>,
    /// The variables that were asked for and set.
    pub matched: BTreeSet<String>,
    /// Those that were not.
    pub unmatched: BTreeSet<String>,
}

/// A text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {text:?}: {reason}")]
pub struct ExpandError {
    /// The text.
    pub text: String,
    /// Why.
    pub reason: ExpandReason,
}

/// Why a text cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandReason {
    /// `'` or `"` without its end.
    #[error("unexpected end of statement while looking for matching {quote}")]
    OpenQuote {
        /// `single-quote` or `double-quote`.
        quote: &'static str,
    },
    /// `${` without its end.
    #[error("syntax error: missing '}}'")]
    OpenBrace,
    /// `${name/pattern` without what to put in.
    #[error("syntax error: missing '/' in ${{}}")]
    OpenReplacement,
    /// `${}`, `${:`, `${{`.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// `${name=word}` and whatever else there is not.
    #[error("unsupported modifier ({modifier}) in substitution")]
    UnsupportedModifier {
        /// What stands there.
        modifier: String,
    },
    /// `${name?text}`, and it is not set; `${name:?text}`, and it is empty.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The text of the file, or the usual one.
        message: String,
    },
    /// A `\` before what needs none.
    #[error("invalid pattern ({pattern}) in substitution: invalid escape '{escape}'")]
    InvalidPattern {
        /// The pattern.
        pattern: String,
        /// The escape.
        escape: String,
    },
    /// Substitutions within each other beyond the limit.
    #[error("substitutions nest deeper than {}", MAXIMUM_DEPTH)]
    TooDeep,
    /// A result beyond the limit.
    #[error("the result is longer than {} bytes", MAXIMUM_BYTES)]
    TooLong,
    /// A pattern that takes too long over a value.
    #[error("the pattern takes too long over a value of this length")]
    TooMuchWork,
}

/// How a text is read. [`Lexer::new`] is what instructions use; heredocs need the rest.
#[derive(Debug, Clone, Copy)]
pub struct Lexer {
    /// The escape character of the Dockerfile: `\` or a backtick.
    pub escape: char,
    /// Whether quotes stay in the text (they quote all the same).
    pub keep_quotes: bool,
    /// Whether escape characters stay in the text.
    pub keep_escapes: bool,
    /// Whether quotes are ordinary characters, as in the body of a heredoc.
    pub ignore_quotes: bool,
    /// Whether variables that are not set stay as they are written.
    pub keep_unset: bool,
}

impl Lexer {
    /// Quotes and escapes are taken away, and what is not set becomes nothing.
    pub const fn new(escape: char) -> Self {
        Self {
            escape,
            keep_quotes: false,
            keep_escapes: false,
            ignore_quotes: false,
            keep_unset: false,
        }
    }

    /// Expands a text.
    ///
    /// # Errors
    /// If quotes or braces are open, a form is unknown, a variable is required and not set, or a limit is reached.
    pub fn expand(&self, text: &str, variables: &dyn Variables) -> Result<Expanded, ExpandError> {
        let mut pass = Pass {
            lexer: *self,
            rest: text.chars().collect::<Vec<_>>(),
            position: 0,
            keep_escapes: self.keep_escapes,
            variables,
            matched: BTreeSet::new(),
            unmatched: BTreeSet::new(),
            depth: 0,
            work: MAXIMUM_WORK,
        };
        match pass.until(None, self.keep_escapes) {
            Ok((text, words)) => Ok(Expanded {
                text,
                words,
                matched: pass.matched,
                unmatched: pass.unmatched,
            }),
            Err(reason) => Err(ExpandError {
                text: text.to_owned(),
                reason,
            }),
        }
    }
}

struct Pass<'a> {
    lexer: Lexer,
    rest: Vec<char>,
    position: usize,
    keep_escapes: bool,
    variables: &'a dyn Variables,
    matched: BTreeSet<String>,
    unmatched: BTreeSet<String>,
    depth: usize,
    work: usize,
}

impl Pass<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.position).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.position += usize::from(next.is_some());
        next
    }

    /// Reads up to `stop`, which is taken, or to the end of the text.
    fn until(
        &mut self,
        stop: Option<char>,
        keep_escapes: bool,
    ) -> Result<(String, Vec<String>), ExpandReason> {
        self.depth += 1;
        if self.depth > MAXIMUM_DEPTH {
            return Err(ExpandReason::TooDeep);
        }
        let outer = std::mem::replace(&mut self.keep_escapes, keep_escapes);
        let mut output = Output::default();
        loop {
            let Some(next) = self.peek() else {
                if stop.is_some() {
                    return Err(ExpandReason::OpenBrace);
                }
                break;
            };
            if stop == Some(next) {
                self.position += 1;
                break;
            }
            self.piece(next, &mut output)?;
            if output.text.len() > MAXIMUM_BYTES {
                return Err(ExpandReason::TooLong);
            }
        }
        self.keep_escapes = outer;
        self.depth -= 1;
        Ok(output.finished())
    }

    fn piece(&mut self, next: char, output: &mut Output) -> Result<(), ExpandReason> {
        match next {
            '$' => {
                let value = self.dollar()?;
                output.split(&value);
            }
            '<' => output.whole(&self.possible_heredoc()),
            '\'' if !self.lexer.ignore_quotes => output.whole(&self.single_quoted()?),
            '"' if !self.lexer.ignore_quotes => output.whole(&self.double_quoted()?),
            _ => {
                self.position += 1;
                if next != self.lexer.escape {
                    output.split(next.encode_utf8(&mut [0; 4]));
                    return Ok(());
                }
                if self.keep_escapes {
                    output.whole(next.encode_utf8(&mut [0; 4]));
                }
                if let Some(escaped) = self.next() {
                    output.whole(escaped.encode_utf8(&mut [0; 4]));
                }
            }
        }
        Ok(())
    }

    fn single_quoted(&mut self) -> Result<String, ExpandReason> {
        let mut text = String::new();
        text.extend(self.next().filter(|_| self.lexer.keep_quotes));
        loop {
            match self.next() {
                None => {
                    return Err(ExpandReason::OpenQuote {
                        quote: "single-quote",
                    });
                }
                Some('\'') => {
                    text.extend(self.lexer.keep_quotes.then_some('\''));
                    return Ok(text);
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, ExpandReason> {
        let mut text = String::new();
        text.extend(self.next().filter(|_| self.lexer.keep_quotes));
        loop {
            let Some(next) = self.peek() else {
                return Err(ExpandReason::OpenQuote {
                    quote: "double-quote",
                });
            };
            if next == '$' {
                text.push_str(&self.dollar()?);
                if text.len() > MAXIMUM_BYTES {
                    return Err(ExpandReason::TooLong);
                }
                continue;
            }
            self.position += 1;
            if next == '"' {
                text.extend(self.lexer.keep_quotes.then_some('"'));
                return Ok(text);
            }
            if next != self.lexer.escape {
                text.push(next);
                continue;
            }
            text.extend(self.keep_escapes.then_some(next));
            match self.peek() {
                None => {}
                // only these can be escaped here; before all else the escape character stands for itself
                Some(escaped) if escaped == '"' || escaped == '$' || escaped == next => {
                    self.position += 1;
                    text.push(escaped);
                }
                Some(_) => text.push(next),
            }
        }
    }

    /// `<<` keeps the spaces behind it, so that a heredoc's marker stays one word.
    fn possible_heredoc(&mut self) -> String {
        self.position += 1;
        let mut text = "<".to_owned();
        if self.peek() == Some('<') {
            self.position += 1;
            text.push('<');
            while let Some(space @ ('\t' | '\r' | ' ')) = self.peek() {
                self.position += 1;
                text.push(space);
            }
        }
        text
    }

    fn dollar(&mut self) -> Result<String, ExpandReason> {
        self.position += 1;
        if self.peek() != Some('{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.value(&name) {
                None if self.lexer.keep_unset => format!("${name}"),
                value => value.unwrap_or_default(),
            });
        }
        self.position += 1;
        match self.peek() {
            None => return Err(ExpandReason::OpenBrace),
            Some('{' | '}' | ':') => return Err(ExpandReason::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            None => Err(ExpandReason::OpenBrace),
            Some('}') => Ok(match self.value(&name) {
                None if self.lexer.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some('/') => self.replacement(&name),
            Some(':') => {
                let modifier = self.next().ok_or(ExpandReason::OpenBrace)?;
                self.modified(&name, modifier, true)
            }
            Some(modifier @ ('+' | '-' | '?' | '#' | '%')) => self.modified(&name, modifier, false),
            Some(other) => Err(ExpandReason::UnsupportedModifier {
                modifier: other.to_string(),
            }),
        }
    }

    /// `${name-word}` and its like; `with_colon` is `${name:-word}`, where empty is as good as not set.
    fn modified(
        &mut self,
        name: &str,
        modifier: char,
        with_colon: bool,
    ) -> Result<String, ExpandReason> {
        let colon = if with_colon { ":" } else { "" };
        let unsupported = || ExpandReason::UnsupportedModifier {
            modifier: format!("{colon}{modifier}"),
        };
        let trims = matches!(modifier, '#' | '%');
        if with_colon && trims {
            return Err(unsupported());
        }
        let (word, _) = self.until(Some('}'), trims)?;
        let value = self.value(name);
        if value.is_none() && self.lexer.keep_unset {
            return Ok(format!("${{{name}{colon}{modifier}{word}}}"));
        }
        let useful = value
            .as_ref()
            .is_some_and(|value| !with_colon || !value.is_empty());
        match modifier {
            '-' if !useful => Ok(word),
            '+' => Ok(if useful { word } else { String::new() }),
            '?' if !useful => {
                let usual = match value {
                    None => "is not allowed to be unset",
                    Some(_) => "is not allowed to be empty",
                };
                Err(ExpandReason::Required {
                    name: name.to_owned(),
                    message: Some(word)
                        .filter(|word| !word.is_empty())
                        .unwrap_or_else(|| usual.to_owned()),
                })
            }
            '-' | '?' => Ok(value.unwrap_or_default()),
            '#' | '%' => {
                let value = value.unwrap_or_default();
                let (pattern, longest) = match word.strip_prefix(modifier) {
                    Some(pattern) => (pattern, true),
                    None => (word.as_str(), false),
                };
                let pattern = Pattern::parse(pattern)?;
                if modifier == '#' {
                    pattern.trim_start(&value, longest, &mut self.work)
                } else {
                    pattern.trim_end(&value, longest, &mut self.work)
                }
            }
            _ => Err(unsupported()),
        }
    }

    /// `${name/pattern/text}`, `${name//pattern/text}`.
    fn replacement(&mut self, name: &str) -> Result<String, ExpandReason> {
        let each = self.peek() == Some('/');
        self.position += usize::from(each);
        let (pattern, _) = self.until(Some('/'), true).map_err(|reason| match reason {
            ExpandReason::OpenBrace => ExpandReason::OpenReplacement,
            other => other,
        })?;
        let (text, _) = self.until(Some('}'), true)?;
        let value = self.value(name);
        match value {
            None if self.lexer.keep_unset => Ok(format!("${{{name}/{pattern}/{text}}}")),
            value => Pattern::parse(&pattern)?.replace(
                &value.unwrap_or_default(),
                &text,
                each,
                MAXIMUM_BYTES,
                &mut self.work,
            ),
        }
    }

    /// A name; digits, or one of the shell's special parameters. Empty if there is none.
    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            if name.is_empty() && is_digit(next) {
                while let Some(digit) = self.peek().filter(|next| is_digit(*next)) {
                    self.position += 1;
                    name.push(digit);
                }
                return name;
            }
            if name.is_empty() && "@*#?-$!".contains(next) {
                self.position += 1;
                return next.to_string();
            }
            if !is_letter(next) && !is_digit(next) && next != '_' {
                break;
            }
            self.position += 1;
            name.push(next);
        }
        name
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).map(str::to_owned);
        match &value {
            Some(_) => self.matched.insert(name.to_owned()),
            None => self.unmatched.insert(name.to_owned()),
        };
        value
    }
}

/// The text and its words, as they are made.
#[derive(Default)]
struct Output {
    text: String,
    words: Vec<String>,
    word: Option<String>,
}

impl Output {
    /// Adds a text whose spaces end words.
    fn split(&mut self, text: &str) {
        self.text.push_str(text);
        for character in text.chars() {
            if !character.is_whitespace() {
                self.word.get_or_insert_default().push(character);
            } else if self.word.as_ref().is_some_and(|word| !word.is_empty()) {
                self.words.extend(self.word.take());
            }
        }
    }

    /// Adds a text that belongs to one word.
    fn whole(&mut self, text: &str) {
        self.text.push_str(text);
        self.word.get_or_insert_default().push_str(text);
    }

    fn finished(mut self) -> (String, Vec<String>) {
        self.words.extend(self.word.filter(|word| !word.is_empty()));
        (self.text, self.words)
    }
}

fn is_letter(character: char) -> bool {
    matches!(
        get_general_category(character),
        GeneralCategory::UppercaseLetter
            | GeneralCategory::LowercaseLetter
            | GeneralCategory::TitlecaseLetter
            | GeneralCategory::ModifierLetter
            | GeneralCategory::OtherLetter
    )
}

fn is_digit(character: char) -> bool {
    get_general_category(character) == GeneralCategory::DecimalNumber
}
