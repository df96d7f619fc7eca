//! Several patterns, of which the last that fits decides.

use super::pattern::{Form, PatternFault, clean_path};

/// Patterns in their order.
#[derive(Debug, Clone, Default)]
pub struct PatternMatcher {
    patterns: Vec<Pattern>,
    takes_back: bool,
}

#[derive(Debug, Clone)]
struct Pattern {
    /// Where it stands among those that were given.
    position: usize,
    takes_back: bool,
    form: Form,
}

/// Which patterns fit a folder: those fit everything in it.
#[derive(Debug, Clone, Default)]
pub struct ParentMatches(Vec<bool>);

impl PatternMatcher {
    /// Reads patterns; one that begins with `!` takes back what others match.
    ///
    /// # Errors
    /// If one is none.
    pub fn new<T: AsRef<str>>(patterns: &[T]) -> Result<Self, PatternFault> {
        let mut matcher = Self::default();
        for (position, text) in patterns.iter().enumerate() {
            let text = text.as_ref().trim();
            if text.is_empty() {
                continue;
            }
            let clean = clean_path(text);
            let (takes_back, pattern) = match clean.strip_prefix('!') {
                Some("") => return Err(PatternFault::NothingTakenBack),
                Some(rest) => (true, rest),
                None => (false, clean.as_str()),
            };
            matcher.takes_back |= takes_back;
            matcher.patterns.push(Pattern {
                position,
                takes_back,
                form: Form::parse(pattern)?,
            });
        }
        Ok(matcher)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether one of them takes back: then something in a folder that matches may not.
    pub fn takes_back(&self) -> bool {
        self.takes_back
    }

    /// Whether a pattern matches whatever is in the root.
    pub fn ignores_everything(&self) -> bool {
        let mut texts = self.patterns.iter().filter(|pattern| !pattern.takes_back);
        texts.any(|pattern| pattern.form.matches_everything())
    }

    /// Whether a path matches, itself or by a folder that it is in. Paths are relative, clean, and have no slash at either end.
    pub fn matches(&self, path: &str) -> bool {
        self.deciding(path).is_some()
    }

    /// The pattern that makes a path match, by its place among those that were given; `None` if it does not match.
    pub fn deciding(&self, path: &str) -> Option<usize> {
        let mut deciding = None;
        for pattern in &self.patterns {
            if pattern.takes_back != deciding.is_some() {
                continue;
            }
            let mut ends = path.match_indices('/').map(|(end, _)| end);
            let fits = pattern.form.matches(path)
                || ends.any(|end| {
                    path.get(..end)
                        .is_some_and(|parent| pattern.form.matches(parent))
                });
            if fits {
                deciding = (!pattern.takes_back).then_some(pattern.position);
            }
        }
        deciding
    }

    /// As [`Self::deciding`] in a walk: what is known of the folder is not asked again, and what is found of the path is given
    /// back for what is in it.
    ///
    /// Where patterns take back, this and [`Self::deciding`] may differ, as they do in Docker: of `a/b` and `!a` the walk ignores
    /// `a/b`, since `!a` had nothing to take back when the walk was at `a`. What is copied is decided by the walk.
    pub fn matches_within(
        &self,
        path: &str,
        parent: &ParentMatches,
    ) -> (Option<usize>, ParentMatches) {
        let mut found = ParentMatches(vec![false; self.patterns.len()]);
        let mut deciding: Option<usize> = None;
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut fits = parent.0.get(index).copied().unwrap_or_default();
            if !fits && pattern.takes_back == deciding.is_some() {
                fits = pattern.form.matches(path);
            }
            if let Some(known) = found.0.get_mut(index) {
                *known = fits;
            }
            if fits {
                deciding = (!pattern.takes_back).then_some(pattern.position);
            }
        }
        (deciding, found)
    }
}
