//! `--call`: what is asked of a Dockerfile instead of building it: `check`, `outline`, `targets`.

use std::fmt::Write as _;
use std::process::ExitCode;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wharf_build::check::{CheckReport, CheckRequest, Outline, TargetStage, outline, targets};
use wharf_build::dockerfile::Lines;

use super::build::CHECK;
use super::check::{Asked, report};
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
            let found = outline(request).map_err(|problem| asked.failed(&problem))?;
            let text = if call.is_json {
                pretty(&outline_json(&found, &asked))?
            } else {
                outline_text(&found)
            };
            printer.out(&text)?;
            Ok(ExitCode::SUCCESS)
        }
        "targets" => {
            let found = targets(request.file).map_err(|problem| asked.failed(&problem))?;
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
    let is_clean = found.findings.is_empty() && found.problem.is_none();
    Ok(if is_clean || call.ignores_status {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn pretty(document: &Value) -> anyhow::Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(document)?))
}

fn location(lines: Lines) -> Value {
    let range = json!({
        "start": {"line": lines.first, "character": 0},
        "end": {"line": lines.last, "character": 0},
    });
    json!({"sourceIndex": 0, "ranges": [range]})
}

fn source(asked: &Asked) -> Value {
    json!([{
        "filename": asked.name,
        "language": "Dockerfile",
        "data": BASE64.encode(&asked.file),
    }])
}

fn check_json(found: &CheckReport, asked: &Asked) -> Value {
    let warnings: Vec<Value> = found
        .findings
        .iter()
        .map(|finding| {
            json!({
                "ruleName": finding.rule.name(),
                "url": finding.rule.url(),
                "detail": finding.detail,
                "location": location(finding.lines),
            })
        })
        .collect();
    let mut document = json!({"warnings": warnings, "sources": source(asked)});
    if let Some(problem) = &found.problem {
        let mut error = json!({"message": problem.to_string()});
        if let Some(lines) = problem.lines() {
            error["location"] = location(lines);
        }
        document["buildError"] = error;
    }
    document
}

fn outline_json(found: &Outline, asked: &Asked) -> Value {
    let arguments: Vec<Value> = found
        .arguments
        .iter()
        .map(|argument| {
            json!({
                "name": argument.name,
                "description": argument.description,
                "value": argument.value,
                "location": location(argument.lines),
            })
        })
        .collect();
    let named = |list: &[(String, bool)]| -> Vec<Value> {
        let described = list.iter();
        described
            .map(|(name, required)| json!({"name": name, "required": required}))
            .collect()
    };
    let caches: Vec<Value> = found.caches.iter().map(|id| json!({"ID": id})).collect();
    json!({
        "name": found.name,
        "description": found.description,
        "args": arguments,
        "secrets": named(&found.secrets),
        "ssh": named(&found.agents),
        "cache": caches,
        "sources": [BASE64.encode(&asked.file)],
    })
}

fn targets_json(found: &[TargetStage], asked: &Asked) -> Value {
    let targets: Vec<Value> = found
        .iter()
        .map(|target| {
            let mut described = json!({"name": target.name, "description": target.description, "base": target.base});
            if target.is_default {
                described["default"] = json!(true);
            }
            if let Some(platform) = &target.platform {
                described["platform"] = json!(platform);
            }
            described["location"] = location(target.lines);
            described
        })
        .collect();
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
        table(&mut text, &rows);
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
        table(&mut text, &rows);
    }
    for (title, list) in [("SECRET", &found.secrets), ("SSH", &found.agents)] {
        if !list.is_empty() {
            let mut rows = vec![vec![title, "REQUIRED"]];
            let word = |required: bool| if required { "true" } else { "" };
            rows.extend(
                list.iter()
                    .map(|(name, required)| vec![name.as_str(), word(*required)]),
            );
            table(&mut text, &rows);
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
    table(&mut text, &rows);
    text.truncate(text.len() - 1);
    text
}

/// Columns three spaces apart, and an empty line behind them.
fn table(text: &mut String, rows: &[Vec<&str>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let last = row.len().saturating_sub(1);
        for (index, cell) in row.iter().enumerate() {
            let width = widths.get(index).copied().unwrap_or(0) + 3;
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
