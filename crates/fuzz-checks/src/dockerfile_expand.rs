//! Texts with variables.

use std::collections::HashMap;

use wharf_build::dockerfile::expand::Lexer;

/// Takes the bytes up to the first zero byte for a text and what follows for the value of `a`; `b` is empty, all else is not set.
pub(crate) fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let value = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let variables: HashMap<String, String> = [("a", &*value), ("b", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for escape in ['\\', '`'] {
        for bits in 0..16_u8 {
            let lexer = Lexer {
                escape,
                keep_quotes: bits & 1 != 0,
                keep_escapes: bits & 2 != 0,
                ignore_quotes: bits & 4 != 0,
                keep_unset: bits & 8 != 0,
            };
            let Ok(expanded) = lexer.expand(&text, &variables) else {
                continue;
            };
            let known = |name: &String| variables.contains_key(name);
            assert!(
                expanded.matched.iter().all(known),
                "what is not set was found"
            );
            assert!(
                !expanded.unmatched.iter().any(known),
                "what is set was not found"
            );
            assert!(
                expanded.words.iter().all(|word| !word.is_empty()),
                "a word is empty"
            );
            let letters = |text: &str| text.chars().filter(|next| !next.is_whitespace()).count();
            let in_words: usize = expanded.words.iter().map(|word| letters(word)).sum();
            assert!(
                in_words == letters(&expanded.text),
                "words are not the text"
            );
        }
    }
}
