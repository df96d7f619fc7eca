//! Every template of `vectors/templates.jsonl` does what Go's `text/template` with Docker's functions did with it.
//!
//! The first line of the file holds the data of all cases. The others were recorded from a Go program around the
//! package `templates` of the docker CLI 28.2.2; `raw` means numbers kept as written and absent keys as errors, as
//! `docker inspect` falls back to.

use serde_json::Value as Json;
use wharf_template::{MissingKey, Numbers, Template, Value};

const VECTORS: &str = include_str!("vectors/templates.jsonl");

#[test]
fn templates_do_what_they_do_in_go() {
    let mut lines = VECTORS
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).unwrap());
    let document = lines.next().unwrap()["data"].as_str().unwrap().to_owned();
    let mut failures = Vec::new();
    let mut count = 0;
    for case in lines {
        count += 1;
        let raw = case["raw"].as_bool().unwrap();
        let template = case["template"].as_str().unwrap();
        let expected = (
            case["output"].as_str().unwrap().to_owned(),
            case["error"].as_str().map(str::to_owned),
        );
        let found = run(template, &document, raw);
        if found != expected {
            failures.push(format!(
                "{template:?} raw={raw}\n  expected {expected:?}\n  found    {found:?}"
            ));
        }
    }
    assert!(count > 700, "{count} cases");
    assert!(
        failures.is_empty(),
        "{} of {count} differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

/// Output, where what is not UTF-8 is shown as Go's JSON shows it, and the error.
fn run(template: &str, document: &str, raw: bool) -> (String, Option<String>) {
    let (numbers, missing_key) = if raw {
        (Numbers::AsWritten, MissingKey::Error)
    } else {
        (Numbers::Float64, MissingKey::NoValue)
    };
    let data =
        Value::from_json(document.as_bytes(), numbers).expect("the data of the vectors is JSON");
    let mut output = Vec::new();
    let error = match Template::parse(template) {
        Err(error) => Some(error.to_string()),
        Ok(template) => {
            let template = template.with_missing_key(missing_key);
            template
                .execute_into(&data, &mut output)
                .err()
                .map(|error| error.to_string())
        }
    };
    (String::from_utf8_lossy(&output).into_owned(), error)
}
