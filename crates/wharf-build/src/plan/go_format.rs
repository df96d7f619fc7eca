//! Texts of history as Go's `fmt` writes them.

use std::fmt::Write as _;

use unicode_general_category::{GeneralCategory, get_general_category};
use wharf_oci::HealthConfig;

/// `%v` of a list: `[a b]`.
pub(super) fn list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// `%q` of a list: `["a" "b"]`.
pub(super) fn quoted_list(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", quoted.join(" "))
}

fn quoted(word: &str) -> String {
    let mut text = String::from("\"");
    for next in word.chars() {
        match next {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\u{7}' => text.push_str("\\a"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{b}' => text.push_str("\\v"),
            ' ' => text.push(' '),
            next if is_printable(next) => text.push(next),
            next => {
                let number = u32::from(next);
                // writing to a String cannot fail
                let _ = match number {
                    0..0x80 => write!(text, "\\x{number:02x}"),
                    0x80..0x1_0000 => write!(text, "\\u{number:04x}"),
                    _ => write!(text, "\\U{number:08x}"),
                };
            }
        }
    }
    text.push('"');
    text
}

fn is_printable(next: char) -> bool {
    use GeneralCategory as G;
    !matches!(
        get_general_category(next),
        G::Control
            | G::Format
            | G::Surrogate
            | G::PrivateUse
            | G::Unassigned
            | G::LineSeparator
            | G::ParagraphSeparator
            | G::SpaceSeparator
    )
}

/// `%+v` of a health check.
pub(super) fn healthcheck(check: &HealthConfig) -> String {
    format!(
        "{{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        list(&check.test),
        duration(check.interval),
        duration(check.timeout),
        duration(check.start_period),
        duration(check.start_interval),
        check.retries
    )
}

/// A duration as Go prints it: `1m30s`, `500ms`, `0s`.
fn duration(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let all = nanoseconds.unsigned_abs();
    let fraction = |whole: u64, rest: u64, digits: usize, unit: &str| {
        let rest = format!("{rest:0digits$}");
        match rest.trim_end_matches('0') {
            "" => format!("{whole}{unit}"),
            rest => format!("{whole}.{rest}{unit}"),
        }
    };
    let text = match all {
        0 => "0s".to_owned(),
        1..1_000 => format!("{all}ns"),
        1_000..1_000_000 => fraction(all / 1_000, all % 1_000, 3, "µs"),
        1_000_000..1_000_000_000 => fraction(all / 1_000_000, all % 1_000_000, 6, "ms"),
        _ => {
            let seconds = all / 1_000_000_000;
            let last = fraction(seconds % 60, all % 1_000_000_000, 9, "s");
            match (seconds / 3600, seconds / 60 % 60) {
                (0, 0) => last,
                (0, minutes) => format!("{minutes}m{last}"),
                (hours, minutes) => format!("{hours}h{minutes}m{last}"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_go_s() {
        let words = ["/bin/sh", "-c", "echo \"a\"\t\u{1}ä\u{200b}"].map(str::to_owned);
        assert_eq!(
            quoted_list(&words),
            r#"["/bin/sh" "-c" "echo \"a\"\t\x01ä\u200b"]"#
        );
        for (nanoseconds, expected) in [
            (0, "0s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (1_500_000_000, "1.5s"),
            (500_000_000, "500ms"),
            (1_500_000, "1.5ms"),
        ] {
            assert_eq!(duration(nanoseconds), expected);
        }
        let check = HealthConfig {
            test: vec!["CMD-SHELL".to_owned(), "a b".to_owned()],
            interval: 30_000_000_000,
            retries: 3,
            ..HealthConfig::default()
        };
        assert_eq!(
            healthcheck(&check),
            "{Test:[CMD-SHELL a b] Interval:30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3}"
        );
    }
}
