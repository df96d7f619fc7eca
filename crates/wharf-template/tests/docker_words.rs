//! Tables, sizes, ages, durations, moments and JSON come out as they do in the docker CLI 28.2.2.
//!
//! `vectors/words.jsonl` was recorded from a Go program around the CLI's own packages (`formatter`, `tabwriter`,
//! go-units, the API's `time`) and Go's `encoding/json`.

use jiff::Zoned;
use serde_json::Value as Json;
use wharf_template::json::{Escape, Indent, encode, indent};
use wharf_template::units::{
    bytes_size, ellipsis, human_duration, human_size, human_size_with_precision,
    parse_docker_timestamp, parse_go_duration,
};
use wharf_template::{Numbers, Value, align};

const VECTORS: &str = include_str!("vectors/words.jsonl");
const LIMIT_BYTES: usize = 1_000_000;

#[test]
fn words_are_docker_s() {
    let mut failures = Vec::new();
    let mut count = 0;
    for line in VECTORS.lines() {
        count += 1;
        let case: Json = serde_json::from_str(line).expect("a line of the vectors is JSON");
        let expected = case["output"].as_str().expect("a case has an output");
        let found = say(&case);
        // Go keeps what follows an indented document.
        let expected = match case["kind"].as_str() {
            Some("indent") => expected.trim_end(),
            _ => expected,
        };
        if found != expected && !is_known_difference(expected, &found) {
            failures.push(format!("{line}\n  found {found:?}"));
        }
    }
    assert!(count > 500, "{count} cases");
    assert!(
        failures.is_empty(),
        "{} of {count} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Docker rounds after it chose the unit: `1e+03kB`, where we say `1MB`. And we refuse moments that `jiff` does not reach,
/// which are in the last hours of the year 9999 and beyond.
fn is_known_difference(docker: &str, found: &str) -> bool {
    let is_rounding = docker.contains("1e+03")
        && docker.split(' ').skip(1).eq(found.split(' ').skip(1))
        && found.starts_with('1');
    let seconds = docker
        .split_once('.')
        .and_then(|(seconds, _)| seconds.parse().ok());
    is_rounding
        || (found == "error" && seconds.is_some_and(|seconds: i64| seconds > 253_402_207_200))
}

fn say(case: &Json) -> String {
    let text = case["text"].as_str().unwrap_or_default();
    let number = case["number"].as_f64().unwrap_or_default();
    let refused = || "error".to_owned();
    match case["kind"].as_str() {
        Some("table") => align(text.as_bytes(), LIMIT_BYTES).map_or_else(|_| refused(), utf8),
        Some("ellipsis") => {
            let width = case["width"]
                .as_u64()
                .and_then(|width| usize::try_from(width).ok());
            ellipsis(text, width.expect("a width"))
        }
        Some("size") => {
            let size = case["number"]
                .as_u64()
                .or_else(|| format!("{number}").parse().ok())
                .expect("a size");
            format!(
                "{} {} {}",
                human_size_with_precision(size, 3),
                human_size(size),
                bytes_size(size)
            )
        }
        Some("age") => human_duration(number / 1e9),
        Some("duration") => match parse_go_duration(text) {
            Ok(duration) => duration.as_nanos().to_string(),
            Err(error) => error.to_string(),
        },
        Some("timestamp") => {
            let now: Zoned = "2026-11-21T13:34:08.5+01:00[+01:00]"
                .parse()
                .expect("a moment");
            match parse_docker_timestamp(text, &now) {
                Ok(moment) => {
                    let nanoseconds = moment.as_nanosecond();
                    let (second, rest) = (
                        nanoseconds.div_euclid(1_000_000_000),
                        nanoseconds.rem_euclid(1_000_000_000),
                    );
                    format!("{second}.{rest:09}")
                }
                Err(_) => refused(),
            }
        }
        Some("indent") => {
            indent(text.as_bytes(), Indent::ThreeSpaces).map_or_else(|_| refused(), utf8)
        }
        Some("marshal") => match Value::from_json(text.as_bytes(), Numbers::Float64) {
            Ok(value) => {
                let [html, plain] =
                    [Escape::Html, Escape::Plain].map(|escape| encode(&value, escape));
                format!("{}\n{}\n", html.expect("JSON"), plain.expect("JSON"))
            }
            Err(_) => refused(),
        },
        other => panic!("no such kind of case: {other:?}"),
    }
}

fn utf8(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text stays text")
}
