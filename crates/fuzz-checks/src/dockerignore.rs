//! `.dockerignore`: its patterns, and what they match.

use wharf_build::ignore::{ParentMatches, PatternMatcher, ignore_patterns};

/// Takes the bytes up to the first zero byte for a file, and the lines behind it for paths.
pub(crate) fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let Ok(patterns) = ignore_patterns(parts.next().unwrap_or_default()) else {
        return;
    };
    let texts: Vec<&str> = patterns.iter().map(|(_, text)| text.as_str()).collect();
    let Ok(matcher) = PatternMatcher::new(&texts) else {
        return;
    };
    let paths = String::from_utf8_lossy(parts.next().unwrap_or_default());
    for path in paths.lines().take(20) {
        let names: Vec<&str> = path.split('/').take(20).collect();
        let path = names.join("/");
        let deciding = matcher.deciding(&path);
        let decides = deciding
            .is_none_or(|index| texts.get(index).is_some_and(|text| !text.starts_with('!')));
        assert!(decides, "a pattern that takes back ignores");
        // a walk down to the path comes to the same, but for what is taken back
        let mut parent = ParentMatches::default();
        let mut found = None;
        for end in 1..=names.len() {
            let path = names.get(..end).unwrap_or_default().join("/");
            (found, parent) = matcher.matches_within(&path, &parent);
        }
        let same = found.is_some() == deciding.is_some();
        assert!(same || matcher.takes_back(), "a walk finds something else");
    }
}
