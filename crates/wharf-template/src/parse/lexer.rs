//! Cuts a template into tokens. An error is a token too, and the last one: the parser reports it when it gets there,
//! because what stands before it may be wrong as well.

use super::error::ParseReason;
use crate::print::{character_code, is_letter_or_digit, quote, quote_cut};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
/// A trim marker with the space that belongs to it.
const MARKER_LENGTH: usize = 2;
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

#[derive(Debug, Clone)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// Byte offset in the template.
    pub(crate) position: usize,
    /// Counted from one, where the token starts.
    pub(crate) line: usize,
    pub(crate) text: &'a str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Error(ParseReason),
    Bool,
    /// Any other printable ASCII character, such as a comma.
    Character,
    CharacterConstant,
    Complex,
    Assign,
    Declare,
    End,
    /// `.Name`, one only.
    Field,
    Identifier,
    LeftDelimiter,
    LeftParenthesis,
    Number,
    Pipe,
    RawString,
    RightDelimiter,
    RightParenthesis,
    Space,
    String,
    Text,
    Variable,
    Keyword(Keyword),
    Dot,
    Nil,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Range,
    Template,
    With,
}

impl Token<'_> {
    /// How Go names the token in "unexpected ... in ...".
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::End => "EOF".to_owned(),
            Kind::Error(reason) => reason.to_string(),
            Kind::Keyword(_) | Kind::Dot | Kind::Nil => format!("<{}>", self.text),
            _ if self.text.len() > 10 => format!("{}...", quote_cut(self.text.as_bytes(), 10)),
            _ => quote(self.text.as_bytes()),
        }
    }
}

/// All tokens of `input`; the last one is `Kind::End` or `Kind::Error`.
pub(crate) fn tokens(input: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer {
        input,
        position: 0,
        start: 0,
        line: 1,
        start_line: 1,
        depth: 0,
        tokens: Vec::new(),
    };
    if let Err(reason) = lexer.text() {
        let (position, line) = (lexer.start, lexer.start_line);
        lexer.tokens.push(Token {
            kind: Kind::Error(reason),
            position,
            line,
            text: "",
        });
    }
    lexer.tokens
}

/// Letters, digits and the underscore: what names are made of.
pub(crate) fn is_alphanumeric(character: char) -> bool {
    character == '_' || is_letter_or_digit(character)
}

struct Lexer<'a> {
    input: &'a str,
    position: usize,
    /// Where the token that is being read starts.
    start: usize,
    line: usize,
    start_line: usize,
    /// Open parentheses.
    depth: usize,
    tokens: Vec<Token<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.input.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.position += character.len_utf8();
        if character == '\n' {
            self.line += 1;
        }
        Some(character)
    }

    fn accept(&mut self, valid: impl Fn(char) -> bool) -> bool {
        let accepted = self.peek().is_some_and(valid);
        if accepted {
            self.next();
        }
        accepted
    }

    fn accept_run(&mut self, valid: impl Fn(char) -> bool) {
        while self.accept(&valid) {}
    }

    /// Moves on by `length` bytes.
    fn skip(&mut self, length: usize) {
        let skipped = self.rest().get(..length).unwrap_or_default();
        self.line += skipped.matches('\n').count();
        self.position += length;
    }

    /// Forgets what was read since the last token.
    fn ignore(&mut self) {
        (self.start, self.start_line) = (self.position, self.line);
    }

    fn word(&self) -> &'a str {
        self.input
            .get(self.start..self.position)
            .unwrap_or_default()
    }

    fn emit(&mut self, kind: Kind) {
        self.tokens.push(Token {
            kind,
            position: self.start,
            line: self.start_line,
            text: self.word(),
        });
        self.ignore();
    }

    /// Text up to the next action, and so on to the end.
    fn text(&mut self) -> Result<(), ParseReason> {
        while let Some(length) = self.rest().find(LEFT) {
            let text = self.rest().get(..length).unwrap_or_default();
            let after = self.rest().get(length + LEFT.len()..).unwrap_or_default();
            let kept = if has_left_marker(after) {
                text.trim_end_matches(SPACES).len()
            } else {
                length
            };
            self.skip(kept);
            if kept > 0 {
                self.emit(Kind::Text);
            }
            self.skip(length - kept);
            self.ignore();
            self.left_delimiter()?;
        }
        self.skip(self.rest().len());
        if self.position > self.start {
            self.emit(Kind::Text);
        }
        self.emit(Kind::End);
        Ok(())
    }

    fn left_delimiter(&mut self) -> Result<(), ParseReason> {
        self.position += LEFT.len();
        let marker = if has_left_marker(self.rest()) {
            MARKER_LENGTH
        } else {
            0
        };
        if self
            .rest()
            .get(marker..)
            .is_some_and(|after| after.starts_with("/*"))
        {
            self.skip(marker);
            self.ignore();
            return self.comment();
        }
        self.emit(Kind::LeftDelimiter);
        self.skip(marker);
        self.ignore();
        self.depth = 0;
        while !self.at_right_delimiter() {
            self.inside_action()?;
        }
        if self.depth > 0 {
            return Err(ParseReason::UnclosedParenthesis);
        }
        self.right_delimiter();
        Ok(())
    }

    fn comment(&mut self) -> Result<(), ParseReason> {
        let end = self
            .rest()
            .get(2..)
            .and_then(|body| body.find("*/"))
            .ok_or(ParseReason::UnclosedComment)?;
        self.skip(2 + end + 2);
        if !self.at_right_delimiter() {
            return Err(ParseReason::CommentNotAlone);
        }
        self.close();
        Ok(())
    }

    fn right_delimiter(&mut self) {
        let marker = if has_right_marker(self.rest()) {
            MARKER_LENGTH
        } else {
            0
        };
        self.skip(marker);
        self.ignore();
        self.position += RIGHT.len();
        self.emit(Kind::RightDelimiter);
        if marker > 0 {
            self.trim_left();
        }
    }

    /// Passes the right delimiter behind a comment.
    fn close(&mut self) {
        let marker = if has_right_marker(self.rest()) {
            MARKER_LENGTH
        } else {
            0
        };
        self.skip(marker + RIGHT.len());
        if marker > 0 {
            self.trim_left();
        }
        self.ignore();
    }

    fn trim_left(&mut self) {
        self.skip(self.rest().len() - self.rest().trim_start_matches(SPACES).len());
        self.ignore();
    }

    fn at_right_delimiter(&self) -> bool {
        let rest = self.rest();
        rest.starts_with(RIGHT)
            || (has_right_marker(rest)
                && rest
                    .get(MARKER_LENGTH..)
                    .is_some_and(|after| after.starts_with(RIGHT)))
    }

    /// One token of an action.
    fn inside_action(&mut self) -> Result<(), ParseReason> {
        let first = self.next().ok_or(ParseReason::UnclosedAction)?;
        match first {
            ' ' | '\t' | '\r' | '\n' => self.space(),
            '=' => self.emit(Kind::Assign),
            ':' if self.next() == Some('=') => self.emit(Kind::Declare),
            ':' => return Err(ParseReason::LoneColon),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, ParseReason::UnterminatedString)?,
            '\'' => self.quoted(
                '\'',
                Kind::CharacterConstant,
                ParseReason::UnterminatedCharacter,
            )?,
            '`' => self.raw_string()?,
            '$' => self.field_or_variable(Kind::Variable)?,
            '.' if !self.peek().is_some_and(|digit| digit.is_ascii_digit()) => {
                self.field_or_variable(Kind::Field)?;
            }
            '.' | '+' | '-' | '0'..='9' => self.number()?,
            '(' => {
                self.depth += 1;
                self.emit(Kind::LeftParenthesis);
            }
            ')' => {
                self.depth = self
                    .depth
                    .checked_sub(1)
                    .ok_or(ParseReason::UnexpectedRightParenthesis)?;
                self.emit(Kind::RightParenthesis);
            }
            other if is_alphanumeric(other) => self.identifier()?,
            ' '..='~' => self.emit(Kind::Character),
            other => {
                return Err(ParseReason::UnrecognizedCharacter {
                    character: character_code(other),
                });
            }
        }
        Ok(())
    }

    fn space(&mut self) {
        // The last space of a run may belong to the marker of the closing delimiter.
        while self
            .peek()
            .is_some_and(|character| SPACES.contains(&character))
            && !self.at_right_delimiter()
        {
            self.next();
        }
        self.emit(Kind::Space);
    }

    fn quoted(
        &mut self,
        quote: char,
        kind: Kind,
        unterminated: ParseReason,
    ) -> Result<(), ParseReason> {
        loop {
            match self.next() {
                Some('\\') if !matches!(self.next(), None | Some('\n')) => {}
                None | Some('\\' | '\n') => return Err(unterminated),
                Some(character) if character == quote => break,
                Some(_) => {}
            }
        }
        self.emit(kind);
        Ok(())
    }

    fn raw_string(&mut self) -> Result<(), ParseReason> {
        while self.next().ok_or(ParseReason::UnterminatedRawString)? != '`' {}
        self.emit(Kind::RawString);
        Ok(())
    }

    fn field_or_variable(&mut self, kind: Kind) -> Result<(), ParseReason> {
        if self.at_terminator() && kind == Kind::Field {
            self.emit(Kind::Dot);
            return Ok(());
        }
        self.accept_run(is_alphanumeric);
        self.expect_terminator()?;
        self.emit(kind);
        Ok(())
    }

    fn identifier(&mut self) -> Result<(), ParseReason> {
        self.accept_run(is_alphanumeric);
        self.expect_terminator()?;
        self.emit(match self.word() {
            "block" => Kind::Keyword(Keyword::Block),
            "break" => Kind::Keyword(Keyword::Break),
            "continue" => Kind::Keyword(Keyword::Continue),
            "define" => Kind::Keyword(Keyword::Define),
            "else" => Kind::Keyword(Keyword::Else),
            "end" => Kind::Keyword(Keyword::End),
            "if" => Kind::Keyword(Keyword::If),
            "nil" => Kind::Nil,
            "range" => Kind::Keyword(Keyword::Range),
            "template" => Kind::Keyword(Keyword::Template),
            "with" => Kind::Keyword(Keyword::With),
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        });
        Ok(())
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    fn expect_terminator(&self) -> Result<(), ParseReason> {
        match self.peek() {
            Some(character) if !self.at_terminator() => Err(ParseReason::BadCharacter {
                character: character_code(character),
            }),
            _ => Ok(()),
        }
    }

    fn number(&mut self) -> Result<(), ParseReason> {
        self.position = self.start;
        let mut kind = Kind::Number;
        let mut valid = self.scan_number();
        if valid && self.peek().is_some_and(|sign| sign == '+' || sign == '-') {
            kind = Kind::Complex;
            valid = self.scan_number() && self.word().ends_with('i');
        }
        if !valid {
            return Err(ParseReason::BadNumber {
                text: quote(self.word().as_bytes()),
            });
        }
        self.emit(kind);
        Ok(())
    }

    /// Whether something that looks like a number was passed. What it means is decided later.
    fn scan_number(&mut self) -> bool {
        let sign = |character| matches!(character, '+' | '-');
        let decimal = |character: char| character.is_ascii_digit() || character == '_';
        self.accept(sign);
        let mut radix = 10;
        if self.accept(|character| character == '0') {
            if self.accept(|character| matches!(character, 'x' | 'X')) {
                radix = 16;
            } else if self.accept(|character| matches!(character, 'o' | 'O')) {
                radix = 8;
            } else if self.accept(|character| matches!(character, 'b' | 'B')) {
                radix = 2;
            }
        }
        let digit = |character: char| character.is_digit(radix) || character == '_';
        self.accept_run(digit);
        if self.accept(|character| character == '.') {
            self.accept_run(digit);
        }
        let exponent = match radix {
            10 => self.accept(|character| matches!(character, 'e' | 'E')),
            16 => self.accept(|character| matches!(character, 'p' | 'P')),
            _ => false,
        };
        if exponent {
            self.accept(sign);
            self.accept_run(decimal);
        }
        self.accept(|character| character == 'i');
        // What follows must not go on as a name would; Go reports it as part of the number.
        !self.accept(is_alphanumeric)
    }
}

fn has_left_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', b' ' | b'\t' | b'\r' | b'\n', ..])
}

fn has_right_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b' ' | b'\t' | b'\r' | b'\n', b'-', ..])
}
