//! Reads JSON into a tree that keeps numbers as they are written. What Go refuses is refused.

use crate::value::GoString;

/// How deep a document may be nested. Go allows 10,000; no document of Docker comes near this.
const DEPTH_LIMIT: usize = 200;

/// JSON that was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// As it is written.
    Number(&'a str),
    String(GoString),
    Array(Vec<Self>),
    /// In the order of the document; a key may stand twice.
    Object(Vec<(GoString, Self)>),
}

/// Bytes that are not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {offset}: {reason}")]
pub struct JsonError {
    /// Where, counted from zero.
    pub offset: usize,
    /// What is wrong there.
    pub reason: JsonReason,
}

/// Why bytes are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonReason {
    /// It ends too early.
    #[error("unexpected end of JSON input")]
    End,
    /// Something else was to stand here.
    #[error("unexpected character")]
    Character,
    /// A backslash with something that it does not escape, or a control character.
    #[error("invalid character in a string")]
    String,
    /// Too many levels.
    #[error("nested more than {DEPTH_LIMIT} deep")]
    TooDeep,
}

/// Reads one document, with nothing but space behind it.
pub(crate) fn parse(document: &[u8]) -> Result<Json<'_>, JsonError> {
    let mut reader = Reader {
        document,
        offset: 0,
    };
    let json = reader.value(0).map_err(|reason| JsonError {
        offset: reader.offset,
        reason,
    })?;
    reader.space();
    if reader.offset < document.len() {
        return Err(JsonError {
            offset: reader.offset,
            reason: JsonReason::Character,
        });
    }
    Ok(json)
}

struct Reader<'a> {
    document: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.document.get(self.offset).copied()
    }

    fn space(&mut self) {
        while self
            .peek()
            .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.offset += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        self.offset += usize::from(taken);
        taken
    }

    fn unexpected(&self) -> JsonReason {
        if self.peek().is_none() {
            JsonReason::End
        } else {
            JsonReason::Character
        }
    }

    fn value(&mut self, depth: usize) -> Result<Json<'a>, JsonReason> {
        if depth > DEPTH_LIMIT {
            return Err(JsonReason::TooDeep);
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Json::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &str, json: Json<'a>) -> Result<Json<'a>, JsonReason> {
        for byte in word.bytes() {
            if !self.take(byte) {
                return Err(self.unexpected());
            }
        }
        Ok(json)
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, JsonReason> {
        let mut members = Vec::new();
        self.offset += 1;
        self.space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.unexpected());
            }
            members.push((key, self.value(depth + 1)?));
            self.space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json<'a>, JsonReason> {
        let mut items = Vec::new();
        self.offset += 1;
        self.space();
        if self.take(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Json::Array(items));
            }
            if !self.take(b',') {
                return Err(self.unexpected());
            }
        }
    }

    fn digits(&mut self) -> Result<(), JsonReason> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected());
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.offset += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<Json<'a>, JsonReason> {
        let start = self.offset;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _optional_sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let bytes = self.document.get(start..self.offset).unwrap_or_default();
        std::str::from_utf8(bytes)
            .map(Json::Number)
            .or(Err(JsonReason::Character))
    }

    /// A string; what is not UTF-8, and halves of surrogate pairs, become U+FFFD, as in Go.
    fn string(&mut self) -> Result<GoString, JsonReason> {
        self.offset += 1;
        let mut bytes = Vec::new();
        loop {
            let start = self.offset;
            while self
                .peek()
                .is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20))
            {
                self.offset += 1;
            }
            bytes.extend_from_slice(self.document.get(start..self.offset).unwrap_or_default());
            match self.peek().ok_or(JsonReason::End)? {
                b'"' => break,
                b'\\' => {
                    self.offset += 1;
                    let character = self.escape()?;
                    bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                _ => return Err(JsonReason::String),
            }
        }
        self.offset += 1;
        Ok(match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            // Go replaces every byte that belongs to no character, one by one.
            Err(error) => crate::value::runes(error.as_bytes())
                .map(crate::value::Rune::character)
                .collect::<String>()
                .into(),
        })
    }

    fn escape(&mut self) -> Result<char, JsonReason> {
        let escape = self.peek().ok_or(JsonReason::End)?;
        self.offset += 1;
        Ok(match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\x08',
            b'f' => '\x0c',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(JsonReason::String),
        })
    }

    fn unicode_escape(&mut self) -> Result<char, JsonReason> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        }
        let after = self.offset;
        if self.take(b'\\') && self.take(b'u') {
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.offset = after;
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn four_digits(&mut self) -> Result<u32, JsonReason> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().ok_or(JsonReason::End)?;
            code = code * 16 + char::from(digit).to_digit(16).ok_or(JsonReason::String)?;
            self.offset += 1;
        }
        Ok(code)
    }
}
