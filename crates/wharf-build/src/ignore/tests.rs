use super::*;

#[track_caller]
fn ignored(file: &str, path: &str) -> bool {
    let patterns = ignore_patterns(file.as_bytes()).unwrap();
    let texts: Vec<&String> = patterns.iter().map(|(_, text)| text).collect();
    let matcher = PatternMatcher::new(&texts).unwrap();
    let alone = matcher.matches(path);
    // a walk from the root comes to the same
    let mut parent = ParentMatches::default();
    let mut deciding = None;
    let ends = path.match_indices('/').map(|(end, _)| end);
    for end in ends.chain([path.len()]) {
        (deciding, parent) = matcher.matches_within(path.get(..end).unwrap(), &parent);
    }
    assert_eq!(alone, deciding.is_some(), "{file:?} {path}");
    alone
}

#[test]
fn paths_are_ignored_as_docker_does() {
    for (file, path, expected) in [
        ("a", "a", true),
        ("a", "b/a", false),
        ("a", "a/b/c", true),
        ("/a", "a", true),
        ("./a/", "a/b", true),
        ("a//b/../c", "a/c", true),
        ("../a", "a", false),
        ("  a  ", "a", true),
        ("#a", "#a", false),
        (" #a", "#a", true),
        ("\\#a", "#a", true),
        ("\u{feff}a", "a", true),
        ("a\r\nb\r\n", "a", true),
        ("*", "a", true),
        ("*", "a/b", true),
        ("*/b", "a/b", true),
        ("*/b", "a/c/b", false),
        ("*.go", "a.go", true),
        ("*.go", "a/b.go", false),
        ("?", "a", true),
        ("?", "ab", false),
        ("?", "ä", true),
        ("a?b", "a/b", false),
        ("**", "a/b", true),
        ("**/b", "b", true),
        ("**/b", "a/c/b", true),
        ("**/b", "ab", false),
        ("**b", "ab", true),
        ("**/*.go", "a.go", true),
        ("**/*.go", "x/y/a.go", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("a/**/c", "a/c", true),
        ("a/**/c", "a/b/b/c", true),
        ("a/**/c", "abc", false),
        ("a/**/c", "a/xc", false),
        ("**/a/**", "x/a/y", true),
        ("**/a/**", "x/a", false),
        ("a**", "abc", true),
        ("a**/b", "ab", true),
        ("a.b+(c)|{d}$", "a.b+(c)|{d}$", true),
        ("a.b", "axb", false),
        ("[a-c]", "b", true),
        ("[^a-c]", "b", false),
        ("[^a-c]", "d", true),
        ("[\\]]", "]", true),
        ("a\\*", "a*", true),
        ("a\\*", "ab", false),
        ("a\n!a", "a", false),
        ("!a\na", "a", true),
        ("*\n!a", "a", false),
        ("*\n!a", "b", true),
        ("*\n!a", "a/b", false),
        ("*\n! a", "a", false),
        ("a\n!a/b", "a/b", false),
        ("a\n!a/b", "a/c", true),
        ("a\n!a/b\na/b/c", "a/b/c", true),
        ("a/*\n!a/b", "a/b/c", false),
        ("**\n!**/*.md\nsecret.md", "x/a.md", false),
        ("**\n!**/*.md\nsecret.md", "secret.md", true),
        (".", "a", false),
        ("/", "a", false),
        ("", "a", false),
    ] {
        assert_eq!(ignored(file, path), expected, "{file:?} {path}");
    }
}

#[test]
fn what_is_no_pattern_is_named() {
    for (pattern, expected) in [
        ("!", "illegal exclusion pattern: \"!\""),
        ("[", "syntax error in pattern \"[\""),
        ("[]", "syntax error in pattern \"[]\""),
        ("[a", "syntax error in pattern \"[a\""),
        ("[-a]", "syntax error in pattern \"[-a]\""),
        ("[a-]", "syntax error in pattern \"[a-]\""),
        ("a\\", "syntax error in pattern \"a\\\\\""),
    ] {
        let fault = PatternMatcher::new(&[pattern]).unwrap_err();
        assert_eq!(fault.to_string(), expected);
    }
}

#[test]
fn the_pattern_that_decides_is_told() {
    let matcher = PatternMatcher::new(&["a", "b", "!a/x", "a/x/y"]).unwrap();
    assert_eq!(matcher.deciding("a/b"), Some(0));
    assert_eq!(matcher.deciding("a/x"), None);
    assert_eq!(matcher.deciding("a/x/y/z"), Some(3));
    assert!(matcher.takes_back());
}

#[test]
fn files_have_limits() {
    let long = vec![b'a'; MAXIMUM_IGNORE_FILE_BYTES + 1];
    assert!(ignore_patterns(&long).is_err());
    assert!(ignore_patterns(&vec![b'a'; 70_000]).is_err());
    assert!(ignore_patterns(&b"a\n".repeat(10_001)).is_err());
    assert_eq!(
        ignore_patterns(b"a\n\xff"),
        Err(IgnoreFileError::NotUtf8 { line: 2 })
    );
    assert_eq!(ignore_patterns(b"#\xff\na"), Ok(vec![(2, "a".to_owned())]));
}

#[test]
fn no_pattern_takes_long() {
    let matcher = PatternMatcher::new(&["**/".repeat(500) + "b", "*a".repeat(50) + "b"]).unwrap();
    assert!(!matcher.matches(&"a/".repeat(200)));
    assert!(!matcher.matches(&"a".repeat(2_000)));
}

#[test]
fn a_walk_takes_back_what_it_has_met() {
    let matcher = PatternMatcher::new(&["a/b", "!a"]).unwrap();
    let (at_folder, known) = matcher.matches_within("a", &ParentMatches::default());
    assert_eq!(at_folder, None);
    assert_eq!(matcher.matches_within("a/b", &known).0, Some(0));
    assert!(!matcher.matches("a/b"));
}
