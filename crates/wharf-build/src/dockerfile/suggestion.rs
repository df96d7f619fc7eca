//! "Did you mean": the nearest of some words, as BuildKit finds it.

use std::fmt;

/// The nearest word, for the end of an error's text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion(Option<String>);

impl Suggestion {
    /// The word, if one is near enough.
    pub fn word(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// The option that differs in less than three characters, the first of the nearest. A word that is an option itself
    /// was not mistyped.
    pub fn among<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> Self {
        let mut nearest = None;
        let mut least = 3;
        for option in options {
            if option == word {
                return Self(None);
            }
            if option.len().abs_diff(word.len()) > 12 {
                continue;
            }
            let distance = distance(word, option);
            if distance < least {
                least = distance;
                nearest = Some(option.to_owned());
            }
        }
        Self(nearest)
    }

    /// The same whatever the case, given back in the case of the word.
    pub fn in_any_case<'a>(word: &str, options: impl IntoIterator<Item = &'a str>) -> Self {
        let lower: Vec<String> = options.into_iter().map(str::to_lowercase).collect();
        let found = Self::among(&word.to_lowercase(), lower.iter().map(String::as_str));
        Self(found.0.map(|option| {
            if word == word.to_uppercase() && word != word.to_lowercase() {
                option.to_uppercase()
            } else {
                option
            }
        }))
    }
}

impl fmt::Display for Suggestion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(word) => write!(formatter, " (did you mean {word}?)"),
            None => Ok(()),
        }
    }
}

/// How many characters have to be put in, taken out or changed.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.chars().enumerate() {
        let mut next = vec![index + 1];
        for ((found, above), corner) in other.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push(
                (corner + usize::from(*found != character))
                    .min(above + 1)
                    .min(left + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found() {
        let options = ["FROM", "RUN", "COPY", "EXPOSE"];
        for (word, expected) in [
            ("FORM", Some("FROM")),
            ("form", Some("from")),
            ("FROMM", Some("FROM")),
            ("CPOY", Some("COPY")),
            ("EXPOSED", Some("EXPOSE")),
            ("BREAD", None),
            ("run", None),
        ] {
            assert_eq!(
                Suggestion::in_any_case(word, options).word(),
                expected,
                "{word}"
            );
        }
        assert_eq!(
            Suggestion::among("chmd", ["chown", "chmod"]).word(),
            Some("chmod")
        );
        assert_eq!(Suggestion::among("a", []).to_string(), "");
    }
}
