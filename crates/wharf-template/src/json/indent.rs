//! Puts JSON on lines, or takes it off them, without changing what it says: the text of every string and number stays,
//! byte by byte. `docker inspect` shows what the daemon sent in this way.

use super::reader::{JsonError, parse};

/// What a level is indented by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indent {
    /// `docker inspect`.
    FourSpaces,
    /// `docker manifest inspect` of a list.
    ThreeSpaces,
    /// `docker manifest inspect` of a manifest.
    Tab,
    /// `docker buildx imagetools inspect --format '{{json .}}'`.
    TwoSpaces,
}

impl Indent {
    fn text(self) -> &'static str {
        match self {
            Self::FourSpaces => "    ",
            Self::ThreeSpaces => "   ",
            Self::Tab => "\t",
            Self::TwoSpaces => "  ",
        }
    }
}

/// As Go's `json.Indent` does: one value a line, `{}` and `[]` where there is none. Nothing stays of what stood behind the
/// document (Go keeps spaces and newlines there): the caller says how it ends.
pub fn indent(document: &[u8], by: Indent) -> Result<Vec<u8>, JsonError> {
    parse(document)?;
    let mut depth = 0;
    let mut output = Vec::with_capacity(document.len() * 2);
    let mut just_opened = false;
    for token in Tokens(document) {
        let closes = matches!(token, b"}" | b"]");
        if just_opened && !closes {
            depth += 1;
            new_line(&mut output, by, depth);
        }
        if closes && !just_opened {
            depth -= 1;
            new_line(&mut output, by, depth);
        }
        output.extend_from_slice(token);
        match token {
            b"," => new_line(&mut output, by, depth),
            b":" => output.push(b' '),
            _ => {}
        }
        just_opened = matches!(token, b"{" | b"[");
    }
    Ok(output)
}

/// As Go's `json.Compact` does: no space outside of strings.
pub fn compact(document: &[u8]) -> Result<Vec<u8>, JsonError> {
    parse(document)?;
    Ok(Tokens(document).flatten().copied().collect())
}

fn new_line(output: &mut Vec<u8>, by: Indent, depth: usize) {
    output.push(b'\n');
    for _ in 0..depth {
        output.extend_from_slice(by.text().as_bytes());
    }
}

/// The tokens of a document that is known to be JSON.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.0.trim_ascii_start();
        let length = match rest.first()? {
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            b'"' => string_length(rest),
            _ => rest
                .iter()
                .position(|byte| matches!(byte, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'))
                .unwrap_or(rest.len()),
        };
        let (token, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(token)
    }
}

/// Length of the string that `text` starts with, with its quotes.
fn string_length(text: &[u8]) -> usize {
    let mut escaped = false;
    for (index, byte) in text.iter().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return index + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_as_go_makes_them() {
        let document = br#" {"a":[1, 2.50,"x\"<,"],"b":{},"c":[ ],"d":{"e":null}} "#;
        let lines = indent(document, Indent::ThreeSpaces).unwrap();
        let expected = "{\n   \"a\": [\n      1,\n      2.50,\n      \"x\\\"<,\"\n   ],\n   \"b\": {},\n   \"c\": [],\n   \"d\": {\n      \"e\": null\n   }\n}";
        assert_eq!(String::from_utf8(lines).unwrap(), expected);
        let short = compact(document).unwrap();
        assert_eq!(
            short,
            br#"{"a":[1,2.50,"x\"<,"],"b":{},"c":[],"d":{"e":null}}"#
        );
        assert!(indent(b"{", Indent::Tab).is_err());
        assert!(indent(b"1 2", Indent::Tab).is_err());
    }
}
