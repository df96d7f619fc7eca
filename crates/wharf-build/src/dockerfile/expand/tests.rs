use std::collections::HashMap;

use super::*;

fn variables() -> HashMap<String, String> {
    [
        ("HOME", "/root"),
        ("EMPTY", ""),
        ("SHELL", "bash"),
        ("TWO", "one two"),
        ("PATH_LIKE", "usr/local/bin/tool.tar.gz"),
        ("STARS", "a*b?c"),
        ("LINES", "first\nsecond"),
        ("KÖLN", "Dom"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The text as it becomes, or the error's reason.
fn text(input: &str) -> String {
    match Lexer::new('\\').expand(input, &variables()) {
        Ok(expanded) => expanded.text,
        Err(error) => format!("error: {}", error.reason),
    }
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        assert_eq!(text(input), *expected, "{input}");
    }
}

#[test]
fn quotes_and_escapes() {
    let single = "error: unexpected end of statement while looking for matching single-quote";
    let double = "error: unexpected end of statement while looking for matching double-quote";
    check(&[
        ("plain", "plain"),
        ("", ""),
        ("a'b'c", "abc"),
        ("a'b", single),
        ("a\"b", double),
        (r"a\'b", "a'b"),
        (r"a\\b", r"a\b"),
        (r"a\tb", "atb"),
        (r#""a\tb""#, r"a\tb"),
        (r#""a\\b""#, r"a\b"),
        (r#""a\"b""#, r#"a"b"#),
        (r#""a\$HOME""#, "a$HOME"),
        (r#""a\"#, double),
        (r"'a\tb'", r"a\tb"),
        (r"'a\'", r"a\"),
        ("end\\", "end"),
        ("\"it's\"", "it's"),
        ("'say \"x\"'", "say \"x\""),
        ("안'녕'", "안녕"),
        ("a << b", "a << b"),
    ]);
}

#[test]
fn plain_variables() {
    check(&[
        ("$HOME", "/root"),
        ("${HOME}", "/root"),
        ("$HOMEx", ""),
        ("${HOME}x", "/rootx"),
        ("$HOME.", "/root."),
        ("\"$HOME\"", "/root"),
        ("'$HOME'", "$HOME"),
        (r"\$HOME", "$HOME"),
        (r"\\$HOME", r"\/root"),
        (r"\${HOME}", "${HOME}"),
        ("$KÖLN", "Dom"),
        ("$UNSET", ""),
        ("$", "$"),
        ("$.", "$."),
        ("a$", "a$"),
        ("$1x", "x"),
        ("$12x", "x"),
        ("${1:-d}", "d"),
        ("$0", ""),
        ("$$", ""),
        ("$@@@", "@@"),
        ("${#:-d}", "d"),
        ("${-:-d}", "d"),
    ]);
}

#[test]
fn defaults_alternatives_and_requirements() {
    check(&[
        ("${UNSET:-w}", "w"),
        ("${UNSET-w}", "w"),
        ("${EMPTY:-w}", "w"),
        ("${EMPTY-w}", ""),
        ("${HOME:-w}", "/root"),
        ("${UNSET:+w}", ""),
        ("${UNSET+w}", ""),
        ("${EMPTY:+w}", ""),
        ("${EMPTY+w}", "w"),
        ("${HOME:+w}", "w"),
        ("${HOME:?w}", "/root"),
        ("${EMPTY?w}", ""),
        ("${EMPTY:?w}", "error: EMPTY: w"),
        ("${EMPTY:?}", "error: EMPTY: is not allowed to be empty"),
        ("${UNSET?}", "error: UNSET: is not allowed to be unset"),
        ("${UNSET:?}", "error: UNSET: is not allowed to be unset"),
        ("${UNSET?please set it}", "error: UNSET: please set it"),
        ("${UNSET:-${UNSET:-${HOME}}}x", "/rootx"),
        ("${UNSET:-$HOME:a}", "/root:a"),
        (r"${UNSET:-\${HOME}z}", "${HOMEz}"),
        ("${UNSET:-a b}", "a b"),
        ("${UNSET:-'}'}", "}"),
        ("${HOME}}", "/root}"),
    ]);
}

#[test]
fn what_is_no_substitution() {
    let open = "error: syntax error: missing '}'";
    let bad = "error: syntax error: bad substitution";
    check(&[
        ("${HOME", open),
        ("${", open),
        ("${HOME:", open),
        ("${HOME:-x", open),
        ("${HOME#x", open),
        ("${}", bad),
        ("${:}", bad),
        ("${:-x}", bad),
        ("${{x}}", bad),
        (
            "${HOME=x}",
            "error: unsupported modifier (=) in substitution",
        ),
        (
            "${HOME:=x}",
            "error: unsupported modifier (:=) in substitution",
        ),
        (
            "${HOME:1}",
            "error: unsupported modifier (:1) in substitution",
        ),
        (
            "${HOME:#x}",
            "error: unsupported modifier (:#) in substitution",
        ),
        (
            "${HOME:%x}",
            "error: unsupported modifier (:%) in substitution",
        ),
        ("${.}", "error: unsupported modifier (.) in substitution"),
        ("${HOME/a}", "error: syntax error: missing '/' in ${}"),
        ("${HOME/a/b", open),
    ]);
}

#[test]
fn patterns_trim() {
    check(&[
        ("${PATH_LIKE#*/}", "local/bin/tool.tar.gz"),
        ("${PATH_LIKE##*/}", "tool.tar.gz"),
        ("${PATH_LIKE%.*}", "usr/local/bin/tool.tar"),
        ("${PATH_LIKE%%.*}", "usr/local/bin/tool"),
        ("${PATH_LIKE#usr}", "/local/bin/tool.tar.gz"),
        ("${PATH_LIKE#local}", "usr/local/bin/tool.tar.gz"),
        ("${PATH_LIKE%gz}", "usr/local/bin/tool.tar."),
        ("${PATH_LIKE%local}", "usr/local/bin/tool.tar.gz"),
        ("${SHELL#?}", "ash"),
        ("${SHELL%??}", "ba"),
        ("${SHELL#*}", "bash"),
        ("${SHELL##*}", ""),
        ("${SHELL%%*}", ""),
        ("${SHELL#}", "bash"),
        (r"${STARS#a\*}", "b?c"),
        (r"${STARS%\?c}", "a*b"),
        ("${SHELL#[ab]}", "bash"),
        ("${LINES##*}", "\nsecond"),
        ("${UNSET#x}", ""),
        (
            r"${SHELL#\b}",
            r"error: invalid pattern (\b) in substitution: invalid escape '\b'",
        ),
    ]);
}

#[test]
fn patterns_replace() {
    check(&[
        ("${PATH_LIKE/\\//:}", "usr:local/bin/tool.tar.gz"),
        ("${PATH_LIKE//\\//:}", "usr:local:bin:tool.tar.gz"),
        ("${SHELL/a/}", "bsh"),
        ("${SHELL//?/x}", "xxxx"),
        ("${SHELL/*/x}", "x"),
        ("${SHELL//*/x}", "x"),
        ("${SHELL/b*s/x}", "xh"),
        ("${SHELL/nothing/x}", "bash"),
        ("${SHELL/a/$HOME}", "b/rootsh"),
        ("${SHELL/${UNSET:-a}/o}", "bosh"),
        ("${STARS/\\*/+}", "a+b?c"),
        ("${LINES/st*/.}", "fir.\nsecond"),
        ("${UNSET/a/b}", ""),
    ]);
}

#[test]
fn words_are_split_behind_substitution() {
    for (input, expected) in [
        ("a b", vec!["a", "b"]),
        ("  a  ", vec!["a"]),
        ("$TWO", vec!["one", "two"]),
        ("\"$TWO\"", vec!["one two"]),
        ("a$TWO", vec!["aone", "two"]),
        ("a\\ b", vec!["a b"]),
        ("80${UNSET:-81}", vec!["8081"]),
        ("<< EOF", vec!["<< EOF"]),
        ("$EMPTY", vec![]),
        ("''", vec![]),
    ] {
        let expanded = Lexer::new('\\').expand(input, &variables()).unwrap();
        assert_eq!(expanded.words, expected, "{input}");
    }
}

#[test]
fn the_backtick_escapes_where_a_file_says_so() {
    for (input, expected) in [
        (r"C:\$SHELL", r"C:\bash"),
        ("`$SHELL", "$SHELL"),
        ("\"`\"\"", "\""),
        ("``", "`"),
    ] {
        assert_eq!(
            Lexer::new('`').expand(input, &variables()).unwrap().text,
            expected
        );
    }
}

#[test]
fn a_heredoc_s_body_has_no_quotes() {
    let lexer = Lexer {
        ignore_quotes: true,
        ..Lexer::new('\\')
    };
    for (input, expected) in [
        ("it's $SHELL", "it's bash"),
        ("\"$SHELL\"", "\"bash\""),
        (r"\$SHELL", "$SHELL"),
    ] {
        assert_eq!(lexer.expand(input, &variables()).unwrap().text, expected);
    }
}

#[test]
fn what_is_kept() {
    let lexer = Lexer {
        keep_quotes: true,
        keep_escapes: true,
        keep_unset: true,
        ..Lexer::new('\\')
    };
    for input in [
        "a 'b c' \"d\"",
        r"a\ b",
        "$UNSET ${UNSET} ${UNSET:-w} ${UNSET#p} ${UNSET/p/r}",
    ] {
        assert_eq!(lexer.expand(input, &()).unwrap().text, input);
    }
}

#[test]
fn it_is_known_what_was_used() {
    let expanded = Lexer::new('\\')
        .expand("$HOME ${UNSET:-$SHELL} '$TWO'", &variables())
        .unwrap();
    assert_eq!(
        expanded.matched.iter().collect::<Vec<_>>(),
        ["HOME", "SHELL"]
    );
    assert_eq!(expanded.unmatched.iter().collect::<Vec<_>>(), ["UNSET"]);
}

#[test]
fn limits_hold() {
    let deep = format!("{}x{}", "${a:-".repeat(100), "}".repeat(100));
    assert_eq!(text(&deep), "error: substitutions nest deeper than 64");
    let mut variables = variables();
    variables.insert("LONG".to_owned(), "x".repeat(100_000));
    let expand = |input: &str| Lexer::new('\\').expand(input, &variables);
    assert_eq!(
        expand(&"$LONG".repeat(20)).unwrap_err().reason,
        ExpandReason::TooLong
    );
    assert_eq!(
        expand(&format!("\"{}\"", "$LONG".repeat(20)))
            .unwrap_err()
            .reason,
        ExpandReason::TooLong
    );
    assert_eq!(
        expand("${LONG//?/$LONG}").unwrap_err().reason,
        ExpandReason::TooLong
    );
    assert_eq!(
        expand("${LONG//x*y/z}").unwrap_err().reason,
        ExpandReason::TooMuchWork
    );
    assert_eq!(expand("${LONG//y/z}").unwrap().text.len(), 100_000);
}
