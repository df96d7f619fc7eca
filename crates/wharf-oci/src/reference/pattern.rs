//! Patterns such as `--filter reference=*/web:1.*`, with the rules of Go's `path.Match`.

use super::name::Reference;

/// A pattern over familiar names: `*` and `?` do not cross `/`, `[a-z]` and `[^a-z]` are classes,
/// `\` takes the next character as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencePattern(String);

/// The pattern ends inside a class or behind a backslash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct PatternError;

impl ReferencePattern {
    /// Checks the pattern. The error's text is Go's.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let mut rest = text.chars().collect::<Vec<_>>().into_iter().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' => drop(rest.next().ok_or(PatternError)?),
                '[' => check_class(&mut rest)?,
                _ => (),
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether the pattern matches the familiar form of `reference`, or its familiar name alone
    /// (`reference.FamiliarMatch`).
    pub fn matches(&self, reference: &Reference) -> bool {
        self.matches_text(&reference.familiar())
            || self.matches_text(&reference.repository().familiar())
    }

    /// Whether the pattern matches all of `text`.
    pub fn matches_text(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = text.chars().collect();
        matches_here(&pattern, &text)
    }
}

fn check_class(
    rest: &mut std::iter::Peekable<std::vec::IntoIter<char>>,
) -> Result<(), PatternError> {
    rest.next_if_eq(&'^');
    let mut ranges = 0;
    loop {
        if ranges > 0 && rest.next_if_eq(&']').is_some() {
            return Ok(());
        }
        class_char(rest)?;
        if rest.next_if_eq(&'-').is_some() {
            class_char(rest)?;
        }
        ranges += 1;
    }
}

// Go's `getEsc`: neither `-` nor `]` may stand here bare, and something must follow.
fn class_char(rest: &mut impl Iterator<Item = char>) -> Result<char, PatternError> {
    match rest.next() {
        None | Some('-' | ']') => Err(PatternError),
        Some('\\') => rest.next().ok_or(PatternError),
        Some(c) => Ok(c),
    }
}

// Walks both; a star remembers where to come back to, so the time is at most |pattern| x |text|.
fn matches_here(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            (Some(_), Some(c)) => {
                if let Some(next) = matches_one(pattern, p, *c) {
                    (p, t) = (next, t + 1);
                    continue;
                }
            }
            _ => (),
        }
        match star {
            Some((after, from)) if text.get(from).is_some_and(|c| *c != '/') => {
                star = Some((after, from + 1));
                (p, t) = (after, from + 1);
            }
            _ => return false,
        }
    }
}

// Where the pattern goes on if its part at `p` matches `c`.
fn matches_one(pattern: &[char], p: usize, c: char) -> Option<usize> {
    match pattern.get(p)? {
        '?' => (c != '/').then_some(p + 1),
        '\\' => (*pattern.get(p + 1)? == c).then_some(p + 2),
        '[' => matches_class(pattern, p + 1, c),
        literal => (*literal == c).then_some(p + 1),
    }
}

fn matches_class(pattern: &[char], start: usize, c: char) -> Option<usize> {
    let mut rest = pattern.get(start..)?.iter().copied().peekable();
    let negated = rest.next_if_eq(&'^').is_some();
    let (mut matched, mut ranges) = (false, 0);
    loop {
        if ranges > 0 && rest.next_if_eq(&']').is_some() {
            break;
        }
        let low = class_char(&mut rest).ok()?;
        let high = match rest.next_if_eq(&'-') {
            Some(_) => class_char(&mut rest).ok()?,
            None => low,
        };
        matched |= (low..=high).contains(&c);
        ranges += 1;
    }
    (matched != negated).then(|| pattern.len() - rest.count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_go_does() {
        for (pattern, name, expected) in [
            ("*", "busybox", true),
            ("*", "x/busybox", false),
            ("ubuntu*", "x/ubuntu", false),
            ("*/*", "a/b", true),
            ("*/*", "a/b/c", false),
            ("busybox", "busybox:1.0", true),
            ("busybox:1.*", "busybox:1.0", true),
            ("busybox:1.*", "busybox:2.0", false),
            ("b?sybox", "busybox", true),
            ("[a-c]usybox", "busybox", true),
            ("[^a-c]usybox", "busybox", false),
            ("[\\-x]a", "xa", true),
            ("a*c*e", "abcde", true),
            ("a*c*f", "abcde", false),
            ("\\busybox", "busybox", true),
            ("", "busybox", false),
        ] {
            let pattern = ReferencePattern::parse(pattern).unwrap();
            let reference = name.parse().unwrap();
            assert_eq!(
                pattern.matches(&reference),
                expected,
                "{pattern:?} on {name}"
            );
        }
    }

    #[test]
    fn a_bad_pattern_is_an_error() {
        for pattern in ["[", "[]", "[a", "[a-", "[-a]", "a\\", "[^", "[^]"] {
            assert_eq!(
                ReferencePattern::parse(pattern),
                Err(PatternError),
                "{pattern}"
            );
        }
    }
}
