//! How the arguments of instructions fall into words: at spaces, as shells do with quotes, as flags, as JSON.

use super::error::Reason;

/// What separates words where quotes mean nothing.
fn is_separator(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// The first word and the rest, without the spaces between them; no rest if there is no space.
pub(super) fn first_word(text: &str) -> (&str, Option<&str>) {
    match text.split_once(is_separator) {
        Some((word, rest)) => (word, Some(rest.trim_start_matches(is_separator))),
        None => (text, None),
    }
}

/// The words of a text where quotes mean nothing.
pub(super) fn plain_words(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    let mut words = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest {
        let (word, behind) = first_word(text);
        words.push(word.to_owned());
        rest = behind;
    }
    words
}

/// The words of a text where quotes and the escape character keep spaces inside of words. Both stay in the words: they are
/// taken away when variables are substituted.
pub(super) fn quoted_words(text: &str, escape: char) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if quote.is_none() && character.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        // in single quotes nothing is escaped
        if character == escape && quote != Some('\'') {
            let Some(escaped) = characters.next() else {
                break; // at the end of the text it escapes nothing
            };
            word.get_or_insert_default().extend([character, escaped]);
            continue;
        }
        match quote {
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            _ => {}
        }
        word.get_or_insert_default().push(character);
    }
    words.extend(word);
    words
}

/// The flags before the arguments, without their quotes, and what follows them.
pub(super) fn flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (flag, behind) = flag(rest, escape);
        rest = behind.trim_start();
        // an empty one ends the flags
        if flag == "--" {
            break;
        }
        flags.push(flag);
    }
    (flags, rest)
}

fn flag(text: &str, escape: char) -> (String, &str) {
    let mut flag = String::new();
    let mut quote = None;
    let mut characters = text.chars();
    loop {
        let rest = characters.as_str();
        let Some(character) = characters.next() else {
            return (flag, "");
        };
        match quote {
            None if character.is_whitespace() => return (flag, rest),
            Some(open) if open == character => quote = None,
            None if matches!(character, '\'' | '"') => quote = Some(character),
            _ if character == escape => flag.extend(characters.next()),
            _ => flag.push(character),
        }
    }
}

/// The words of a JSON array; `None` if the text is none, which then is taken for what it looks like.
///
/// # Errors
/// If it is an array of something else than texts.
pub(super) fn json_words(text: &str) -> Result<Option<Vec<String>>, Reason> {
    let text = text.trim_start();
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else {
        return Ok(None);
    };
    values
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(word) => Ok(word),
            _ => Err(Reason::JsonNotStrings),
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        for (text, expected) in [
            ("a b", vec!["a", "b"]),
            ("a='b c' d", vec!["a='b c'", "d"]),
            ("a=\"b c\"", vec!["a=\"b c\""]),
            ("a=b\\ c d", vec!["a=b\\ c", "d"]),
            ("a=\"x\\\" y\" b", vec!["a=\"x\\\" y\"", "b"]),
            ("a='x\\' b", vec!["a='x\\'", "b"]),
            ("a=\\'b c", vec!["a=\\'b", "c"]),
            ("a\\", vec!["a"]),
            ("''", vec!["''"]),
            ("a='open b", vec!["a='open b"]),
            ("  ", vec![]),
        ] {
            assert_eq!(quoted_words(text, '\\'), expected, "{text}");
        }
        assert_eq!(quoted_words("a=C:\\ b=`x` c", '`'), ["a=C:\\", "b=`x` c"]);
    }

    #[test]
    fn flags_stand_first() {
        for (text, expected, rest) in [
            ("--a --b=c d e", vec!["--a", "--b=c"], "d e"),
            ("a --b", vec![], "a --b"),
            ("--a='x y' z", vec!["--a=x y"], "z"),
            ("--a=\\x z", vec!["--a=x"], "z"),
            ("-- --a", vec![], "--a"),
            ("--a -- b", vec!["--a"], "b"),
            ("--a", vec!["--a"], ""),
            ("-a", vec![], "-a"),
            ("", vec![], ""),
        ] {
            let (found, behind) = flags(text, '\\');
            assert_eq!(
                (found, behind),
                (expected.iter().map(|&flag| flag.to_owned()).collect(), rest),
                "{text}"
            );
        }
    }

    #[test]
    fn json_is_an_array_of_texts_or_none() {
        let words =
            |text| json_words(text).map(|words| words.unwrap_or_else(|| vec!["none".to_owned()]));
        for (text, expected) in [
            (r#"["a", "b c"]"#, vec!["a", "b c"]),
            ("[]", vec![]),
            (" [ \"\" ] ", vec![""]),
            ("['a']", vec!["none"]),
            (r#"["a"] b"#, vec!["none"]),
            (r#"["a",]"#, vec!["none"]),
            ("[ -f x ]", vec!["none"]),
            ("a", vec!["none"]),
            (r#""a""#, vec!["none"]),
        ] {
            assert_eq!(words(text).unwrap(), expected, "{text}");
        }
        for text in ["[1]", "[null]", r#"["a", ["b"]]"#] {
            assert_eq!(json_words(text), Err(Reason::JsonNotStrings), "{text}");
        }
    }

    #[test]
    fn plain_words_know_no_quotes() {
        assert_eq!(plain_words("a  'b\tc'"), ["a", "'b", "c'"]);
        assert!(plain_words("").is_empty());
    }
}
