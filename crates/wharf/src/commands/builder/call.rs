//! `--call`: what is asked of a Dockerfile instead of building it: `check`, `outline`, `targets`.

use std::fmt::Write as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wharf_build::check::{
    CheckReport, CheckRequest, Outline, OutlineNeed, TargetStage, outline, targets,
};
use wharf_build::dockerfile::Lines;

use super::build::CHECK;
use super::check::{Asked, report, unanswered, verdict};
use crate::arguments::{Flag, Matches, comma_separated};
use crate::session::Session;

pub(super) const CALL: Flag = Flag::text(
    "call",
    "Set method for evaluating build (\"check\", \"outline\", \"targets\")",
)
.default("build");
pub(super) const PRINT: Flag = Flag::text("print", "Print result of information request").hidden();

/// What is asked, and how it is answered.
struct Call {
    method: String,
    is_json: bool,
    ignores_status: bool,
}

impl Call {
    fn of(matches: &Matches) -> anyhow::Result<Self> {
        let text = match (matches.is_set(&CHECK), matches.some_text(&PRINT)) {
            (true, _) => "check",
            (false, Some(print)) => print,
            (false, None) => matches.text(&CALL),
        };
        let parts = comma_separated(text)
            .map_err(|error| anyhow::anyhow!("invalid value {text:?} for --call: {error}"))?;
        let mut parts = parts.iter();
        let mut call = Self {
            method: parts.next().cloned().unwrap_or_default(),
            is_json: false,
            ignores_status: false,
        };
        for part in parts {
            match part.split_once('=').unwrap_or((part, "true")) {
                ("format", "json") => call.is_json = true,
                ("format", "text") => {}
                ("ignorestatus", value) => call.ignores_status = value == "true" || value == "1",
                _ => anyhow::bail!(
                    "invalid value {text:?} for --call: {part:?} is neither format=json|text nor ignorestatus=true"
                ),
            }
        }
        if let Some(method) = call.method.strip_prefix("subrequests.") {
            call.method = method.to_owned();
        }
        Ok(call)
    }
}

/// Answers.
pub(super) fn run(session: &Session, matches: &Matches) -> anyhow::Result<ExitCode> {
    let call = Call::of(matches)?;
    let asked = Asked::read(session, matches)?;
    let request = asked.request(matches);
    let printer = session.printer();
    match call.method.as_str() {
        "check" | "lint" => check(session, &call, &asked, request),
        "outline" => {
            let found = outline(request).map_err(|problem| unanswered(&problem))?;
            let text = if call.is_json {
                pretty(&outline_json(&found, &asked))?
            } else {
                outline_text(&found)
            };
            printer.out(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        "targets" => {
            let found = targets(request.file).map_err(|problem| unanswered(&problem))?;
            let text = if call.is_json {
                pretty(&targets_json(&found, &asked))?
            } else {
                targets_text(&found)
            };
            printer.out(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        other => anyhow::bail!(
            "invalid method {other:?} for --call: expected build, check, outline or targets"
        ),
    }
}

fn check(
    session: &Session,
    call: &Call,
    asked: &Asked,
    request: CheckRequest<'_>,
) -> anyhow::Result<ExitCode> {
    let found = wharf_build::check::check(request);
    if !call.is_json {
        let code = report(session, asked, &found)?;
        return Ok(if call.ignores_status {
            ExitCode::SUCCESS
        } else {
            code
        });
    }
    session
        .printer()
        .out(&pretty(&check_json(&found, asked))?)?;
    if call.ignores_status {
        return Ok(ExitCode::SUCCESS);
    }
    verdict(asked, &found)
}

fn pretty(document: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

/// An object of these members: as Go's `omitempty` has it, nothing is said of what is empty.
fn object<const COUNT: usize>(members: [(&str, Value); COUNT]) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        _ => false,
    };
    let said = members.into_iter().filter(|(_, value)| !is_empty(value));
    Value::Object(said.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn location(lines: Lines) -> Value {
    let range = json!({"start": {"line": lines.first}, "end": {"line": lines.last}});
    json!({"ranges": [range]})
}

fn check_json(found: &CheckReport, asked: &Asked) -> Value {
    let warnings: Vec<Value> = found
        .findings
        .iter()
        .map(|finding| {
            json!({
                "ruleName": finding.rule.name(),
                "description": finding.rule.description(),
                "url": finding.rule.url(),
                "detail": finding.detail,
                "location": location(finding.lines),
            })
        })
        .collect();
    let source = json!([{
        "filename": asked.name,
        "data": BASE64.encode(&asked.file),
        "language": "Dockerfile",
    }]);
    let mut document = json!({"warnings": null, "sources": source});
    if !warnings.is_empty() {
        document["warnings"] = Value::Array(warnings);
    }
    if let Some(problem) = &found.problem {
        let mut error = json!({"message": problem.to_string()});
        error["location"] = problem.lines().map_or_else(|| json!({}), location);
        document["buildError"] = error;
    }
    document
}

fn outline_json(found: &Outline, asked: &Asked) -> Value {
    let arguments = found.arguments.iter().map(|argument| {
        object([
            ("name", json!(argument.name)),
            ("description", json!(argument.description)),
            ("value", json!(argument.value)),
            ("location", location(argument.lines)),
        ])
    });
    let needs = |list: &[OutlineNeed]| -> Value {
        let described = list.iter().map(|need| {
            object([
                ("name", json!(need.name)),
                ("required", json!(need.required)),
                ("location", location(need.lines)),
            ])
        });
        described.collect()
    };
    object([
        ("name", json!(found.name)),
        ("description", json!(found.description)),
        ("args", arguments.collect()),
        ("secrets", needs(&found.secrets)),
        ("ssh", needs(&found.agents)),
        ("sources", json!([BASE64.encode(&asked.file)])),
    ])
}

fn targets_json(found: &[TargetStage], asked: &Asked) -> Value {
    let targets = found.iter().map(|target| {
        object([
            ("name", json!(target.name)),
            ("description", json!(target.description)),
            ("default", json!(target.is_default)),
            ("base", json!(target.base)),
            ("platform", json!(target.platform)),
            ("location", location(target.lines)),
        ])
    });
    let targets: Value = targets.collect();
    json!({"targets": targets, "sources": [BASE64.encode(&asked.file)]})
}

fn outline_text(found: &Outline) -> String {
    let mut text = String::new();
    if !found.name.is_empty() || !found.description.is_empty() {
        let name = if found.name.is_empty() {
            "(default)"
        } else {
            &found.name
        };
        let mut rows = vec![vec!["TARGET:", name]];
        if !found.description.is_empty() {
            rows.push(vec!["DESCRIPTION:", &found.description]);
        }
        table(&mut text, &rows, 1);
    }
    if !found.arguments.is_empty() {
        let mut rows = vec![vec!["BUILD ARG", "VALUE", "DESCRIPTION"]];
        rows.extend(found.arguments.iter().map(|argument| {
            vec![
                argument.name.as_str(),
                &argument.value,
                &argument.description,
            ]
        }));
        table(&mut text, &rows, 3);
    }
    for (title, list) in [("SECRET", &found.secrets), ("SSH", &found.agents)] {
        if !list.is_empty() {
            let mut rows = vec![vec![title, "REQUIRED"]];
            let word = |required: bool| if required { "true" } else { "" };
            rows.extend(
                list.iter()
                    .map(|need| vec![need.name.as_str(), word(need.required)]),
            );
            table(&mut text, &rows, 3);
        }
    }
    text
}

fn targets_text(found: &[TargetStage]) -> String {
    let names: Vec<String> = found
        .iter()
        .map(|target| match (target.name.as_str(), target.is_default) {
            ("", true) => "(default)".to_owned(),
            (name, true) => format!("{name} (default)"),
            (name, false) => name.to_owned(),
        })
        .collect();
    let mut rows = vec![vec!["TARGET", "DESCRIPTION"]];
    let described = names.iter().zip(found);
    rows.extend(described.map(|(name, target)| vec![name.as_str(), &target.description]));
    let mut text = String::new();
    table(&mut text, &rows, 1);
    text.truncate(text.len() - 1);
    text
}

/// Columns so many spaces apart, and an empty line behind them.
fn table(text: &mut String, rows: &[Vec<&str>], apart: usize) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let last = row.len().saturating_sub(1);
        for (index, cell) in row.iter().enumerate() {
            let width = widths.get(index).copied().unwrap_or(0) + apart;
            // writing to memory does not fail
            let _ = if index == last {
                writeln!(text, "{cell}")
            } else {
                write!(text, "{cell:width$}")
            };
        }
    }
    text.push('\n');
}
