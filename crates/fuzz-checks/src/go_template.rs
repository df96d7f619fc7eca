//! Go templates as `--format` takes them, over any JSON; tables; and the words and times that people type.

use wharf_template::json::{self, Indent};
use wharf_template::{Limits, MissingKey, Numbers, Template, Value, align, units};

/// Enough for a template to do something, and little enough for thousands of runs a second.
const LIMITS: Limits = Limits {
    output_bytes: 64 * 1024,
    steps: 20_000,
    template_depth: 20,
};

/// Takes the bytes up to the first zero byte for a template and what follows for its data, and runs it.
pub(crate) fn check(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let template = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let document = parts.next().unwrap_or_default();
    for (numbers, missing_key) in [
        (Numbers::Float64, MissingKey::NoValue),
        (Numbers::AsWritten, MissingKey::Error),
    ] {
        let data = Value::from_json(document, numbers).unwrap_or(Value::Nil);
        if let Ok(template) = Template::parse(&template) {
            let mut output = Vec::new();
            let result = template
                .with_limits(LIMITS)
                .with_missing_key(missing_key)
                .execute_into(&data, &mut output);
            assert!(
                output.len() <= LIMITS.output_bytes,
                "the output is longer than its limit"
            );
            if let Err(error) = result {
                assert!(
                    error.to_string().starts_with("template: "),
                    "an error has no place"
                );
            }
        }
    }
    check_table(template.as_bytes());
    check_json(document);
    check_units(&template);
}

/// Aligning adds spaces and takes tabs away, and nothing else.
fn check_table(text: &[u8]) {
    let kept = |text: &[u8]| {
        text.iter()
            .copied()
            .filter(|byte| !b" \t\x0b\x0c\n".contains(byte))
            .collect::<Vec<_>>()
    };
    if let Ok(aligned) = align(text, LIMITS.output_bytes) {
        assert!(kept(text) == kept(&aligned), "a table lost text");
    }
}

fn check_json(document: &[u8]) {
    let Ok(lines) = json::indent(document, Indent::Tab) else {
        return;
    };
    assert!(
        json::compact(&lines) == json::compact(document),
        "indenting changed a document"
    );
    let value = Value::from_json(document, Numbers::AsWritten).expect("what is indented is JSON");
    let written = json::encode(&value, json::Escape::Html).expect("what was read can be written");
    let again = Value::from_json(written.as_bytes(), Numbers::AsWritten)
        .expect("what was written can be read");
    assert!(
        json::encode(&again, json::Escape::Html).as_ref() == Ok(&written),
        "a document changed when it was read"
    );
}

fn check_units(text: &str) {
    let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
    let _any_answer = (
        units::parse_docker_timestamp(text, &now),
        units::parse_go_duration(text),
    );
    for width in 0..8 {
        let cut = units::ellipsis(text, width);
        assert!(
            cut == text || cut.chars().count() <= width,
            "an ellipsis is too long"
        );
    }
}
