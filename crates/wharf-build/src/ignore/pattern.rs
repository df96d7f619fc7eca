//! One pattern: `*` and `?` within a name, `**` across names, `[a-z]`, `\` before what is meant as it is.
//!
//! The rules, with their oddities, are those of the package patternmatcher that Docker and `BuildKit` use.

/// Why a pattern is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// `!` alone.
    #[error("illegal exclusion pattern: \"!\"")]
    NothingTakenBack,
    /// `[` without `]`, a `\` at the end.
    #[error("syntax error in pattern {0:?}")]
    Syntax(String),
}

/// What a path is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// The path is this text.
    Exact(String),
    /// It begins with it: `name/**`.
    Prefix(String),
    /// It ends with it: `**/name`.
    Suffix(String),
    /// It fits.
    Tokens(Vec<Token>),
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// This character.
    Literal(char),
    /// `?`: a character that is no slash.
    One,
    /// `*`: any number of characters that are no slash.
    Name,
    /// The next piece may be left out.
    Optional,
    /// `**` in the middle: anything that ends with a slash.
    Folders,
    /// `**` at the end: anything.
    Rest,
    /// `[a-z]`, `[^a]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Form {
    pub(super) fn parse(pattern: &str) -> Result<Self, PatternFault> {
        let fault = || PatternFault::Syntax(pattern.to_owned());
        let mut tokens = Vec::new();
        let (mut is_plain, mut is_prefix, mut is_suffix) = (true, false, false);
        let mut rest = pattern.chars().peekable();
        let mut position = 0;
        while let Some(next) = rest.next() {
            let was_plain = is_plain;
            match next {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    rest.next_if_eq(&'/');
                    let at_end = rest.peek().is_none();
                    if at_end {
                        tokens.push(Token::Rest);
                    } else if tokens.last() != Some(&Token::Folders) {
                        // a second one would say nothing more
                        tokens.extend([Token::Optional, Token::Folders]);
                    }
                    is_prefix = at_end && was_plain;
                    is_suffix = position == 0;
                    is_plain = false;
                }
                '*' | '?' => {
                    tokens.push(if next == '*' { Token::Name } else { Token::One });
                    (is_plain, is_prefix, is_suffix) = (false, false, false);
                }
                '\\' => {
                    tokens.push(Token::Literal(rest.next().ok_or_else(fault)?));
                    (is_plain, is_prefix, is_suffix) = (false, false, false);
                }
                '[' => {
                    tokens.push(class(&mut rest).ok_or_else(fault)?);
                    (is_plain, is_prefix, is_suffix) = (false, false, false);
                }
                other => tokens.push(Token::Literal(other)),
            }
            position += 1;
        }
        Ok(if is_plain {
            Self::Exact(pattern.to_owned())
        } else if is_suffix {
            Self::Suffix(pattern.strip_prefix("**").unwrap_or(pattern).to_owned())
        } else if is_prefix {
            Self::Prefix(pattern.strip_suffix("**").unwrap_or(pattern).to_owned())
        } else {
            Self::Tokens(tokens)
        })
    }

    /// `*`, `**`, `**/*`.
    pub(super) fn matches_everything(&self) -> bool {
        match self {
            Self::Suffix(text) => text.is_empty(),
            Self::Tokens(tokens) => matches!(
                tokens.as_slice(),
                [Token::Name] | [Token::Optional, Token::Folders, Token::Name]
            ),
            Self::Exact(_) | Self::Prefix(_) => false,
        }
    }

    pub(super) fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Prefix(text) => path.starts_with(text.as_str()),
            Self::Suffix(text) => {
                path.ends_with(text.as_str()) || text.strip_prefix('/') == Some(path)
            }
            Self::Tokens(tokens) => fits(tokens, path),
        }
    }
}

/// A pattern of one name, as the shell has them: `**` is no more than `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Token>);

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(pattern: &str) -> Result<Self, PatternFault> {
        let fault = || PatternFault::Syntax(pattern.to_owned());
        let mut tokens = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(next) = rest.next() {
            tokens.push(match next {
                '*' => Token::Name,
                '?' => Token::One,
                '\\' => Token::Literal(rest.next().ok_or_else(fault)?),
                '[' => class(&mut rest).ok_or_else(fault)?,
                other => Token::Literal(other),
            });
        }
        Ok(Self(tokens))
    }

    /// Whether a name fits.
    pub fn matches(&self, name: &str) -> bool {
        fits(&self.0, name)
    }
}

/// What stands between the brackets, of which the first is taken.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    let character = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| match rest.next()? {
        '\\' => rest.next(),
        '-' => None,
        other => Some(other),
    };
    while ranges.is_empty() || rest.peek() != Some(&']') {
        if ranges.is_empty() && rest.peek() == Some(&']') {
            return None;
        }
        let first = character(rest)?;
        let last = match rest.next_if_eq(&'-') {
            Some(_) => character(rest)?,
            None => first,
        };
        ranges.push((first, last));
    }
    rest.next();
    Some(Token::Class { negated, ranges })
}

/// All pieces side by side, so that no pattern takes longer than its length times the path's.
fn fits(tokens: &[Token], path: &str) -> bool {
    let mut states = vec![false; tokens.len() + 1];
    put(&mut states, 0);
    pass_over(tokens, &mut states);
    for next in path.chars() {
        let mut following = vec![false; tokens.len() + 1];
        for (index, token) in tokens.iter().enumerate() {
            if states.get(index) != Some(&true) {
                continue;
            }
            let (stays, advances) = step(token, next);
            if stays {
                put(&mut following, index);
            }
            if advances {
                put(&mut following, index + 1);
            }
        }
        states = following;
        pass_over(tokens, &mut states);
    }
    states.last() == Some(&true)
}

/// Whether the piece may take more behind `next`, and whether the piece behind it may come.
fn step(token: &Token, next: char) -> (bool, bool) {
    match token {
        Token::Literal(wanted) => (false, next == *wanted),
        Token::One => (false, next != '/'),
        Token::Name => (next != '/', false),
        Token::Rest => (true, false),
        Token::Optional => (false, false),
        Token::Folders => (true, next == '/'),
        Token::Class { negated, ranges } => {
            let found = ranges
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&next));
            (false, found != *negated)
        }
    }
}

/// What comes behind pieces that may stand for nothing may come, too.
fn pass_over(tokens: &[Token], states: &mut [bool]) {
    for (index, token) in tokens.iter().enumerate() {
        if states.get(index) != Some(&true) {
            continue;
        }
        match token {
            Token::Name | Token::Rest => put(states, index + 1),
            Token::Optional => {
                put(states, index + 1);
                put(states, index + 2);
            }
            _ => {}
        }
    }
}

fn put(states: &mut [bool], index: usize) {
    if let Some(state) = states.get_mut(index) {
        *state = true;
    }
}

/// As Go's `path.Clean`: no empty names, no `.`, and `..` taken away where there is something before it.
pub(crate) fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => match names.last() {
                Some(last) if *last != ".." => drop(names.pop()),
                _ if rooted => {}
                _ => names.push(".."),
            },
            name => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}
