//! Quotes text as Go's `%q` does, which many of Docker's texts use.

use std::fmt::Write as _;

/// The text in double quotes, with what cannot be printed escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            control if u32::from(control) < 0x20 || control == '\u{7f}' => {
                _ = write!(quoted, "\\x{:02x}", u32::from(control));
            }
            control if control.is_control() => _ = write!(quoted, "\\u{:04x}", u32::from(control)),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn quotes_like_go() {
        for (text, expected) in [
            ("a", "\"a\""),
            ("\"a", "\"\\\"a\""),
            ("a\tb\n", "\"a\\tb\\n\""),
            ("\u{1}é", "\"\\x01é\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
