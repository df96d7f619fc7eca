//! Compares what Wharf prints with what Docker printed.

use std::collections::BTreeMap;
use std::path::Path;

use super::run::{Program, run_scenario};
use super::scenario::Scenario;
use super::transcript::{Transcript, TranscriptEntry};
use crate::files::read;

/// The intended differences of all scenarios: `differences.txt`.
///
/// ```text
/// ## SCENARIO: why Wharf prints this
/// $ docker COMMAND
/// out: what Wharf prints
/// exit: 0
/// ```
/// A heading holds for the commands below it. A command that stands several times in a scenario has its number behind the
/// scenario's name: `## SCENARIO 2: why` is for its second run.
#[derive(Debug, Clone, Default)]
pub struct Differences {
    /// By scenario, command and which of its runs.
    entries: BTreeMap<(String, String, usize), TranscriptEntry>,
}

impl Differences {
    /// Reads the file's text; an error names the part that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut differences = Self::default();
        for part in text.split("\n## ").skip(1) {
            let (heading, body) = part
                .split_once('\n')
                .ok_or_else(|| format!("nothing below `{part}`"))?;
            let (name, reason) = heading
                .split_once(": ")
                .ok_or_else(|| format!("no reason in `{heading}`"))?;
            if reason.trim().is_empty() {
                return Err(format!("no reason in `{heading}`"));
            }
            let (scenario, run) = match name.split_once(' ') {
                Some((scenario, run)) => (
                    scenario,
                    run.parse()
                        .map_err(|error| format!("`{run}` in `{heading}`: {error}"))?,
                ),
                None => (name, 1),
            };
            let transcript =
                Transcript::parse(body).map_err(|error| format!("below `{heading}`: {error}"))?;
            for entry in transcript.entries {
                let key = (scenario.to_owned(), entry.command.clone(), run);
                if differences.entries.insert(key, entry).is_some() {
                    return Err(format!("a command stands twice for `{name}`"));
                }
            }
        }
        Ok(differences)
    }

    /// The scenarios named, for a check that each one exists.
    pub fn scenarios(&self) -> impl Iterator<Item = &str> {
        self.entries
            .keys()
            .map(|(scenario, _, _)| scenario.as_str())
    }
}

/// Runs `folder/scenario.txt` with `wharf` and gives what is wrong, command by command; empty when all is as recorded.
///
/// `None`, said aloud, where a peer is missing. A difference that is listed but no longer there is wrong, too.
pub fn check_scenario(
    folder: &Path,
    wharf: &Path,
    differences: &Differences,
) -> Option<Vec<String>> {
    let name = folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let file = |file: &str| String::from_utf8_lossy(&read(&folder.join(file))).into_owned();
    let scenario = Scenario::parse(&file("scenario.txt"))
        .unwrap_or_else(|error| panic!("{name}/scenario.txt: {error}"));
    let recorded = Transcript::parse(&file("recorded.txt"))
        .unwrap_or_else(|error| panic!("{name}/recorded.txt: {error}"));
    let actual = run_scenario(
        &scenario,
        &Program {
            path: wharf.into(),
            daemon: None,
        },
    )?;
    let mut complaints = Vec::new();
    if recorded.entries.len() != actual.entries.len() {
        complaints.push(format!("{name}: recorded.txt has other commands than scenario.txt: run `cargo xtask record-golden {name}`"));
    }
    let mut listed: BTreeMap<(&str, usize), &TranscriptEntry> = differences
        .entries
        .iter()
        .filter(|((scenario, _, _), _)| *scenario == name)
        .map(|((_, command, run), entry)| ((command.as_str(), *run), entry))
        .collect();
    let mut runs: BTreeMap<&str, usize> = BTreeMap::new();
    for (recorded, actual) in recorded.entries.iter().zip(&actual.entries) {
        let run = runs.entry(recorded.command.as_str()).or_default();
        *run += 1;
        let docker = in_wharfs_name(recorded);
        match listed.remove(&(recorded.command.as_str(), *run)) {
            Some(difference) if docker == *difference => {
                complaints.push(format!(
                    "{name}: listed as a difference, but Docker prints the same:\n{difference}"
                ));
            }
            Some(difference) if difference != actual => {
                complaints.push(explain(&name, "differences.txt says", difference, actual));
            }
            None if docker != *actual => {
                complaints.push(explain(&name, "Docker printed", &docker, actual));
            }
            Some(_) | None => {}
        }
    }
    complaints.extend(listed.keys().map(|(command, run)| {
        format!("{name}: differences.txt names a command that is not run: {command} (run {run})")
    }));
    Some(complaints)
}

/// What Docker printed, with the program's own name as Wharf prints it.
fn in_wharfs_name(entry: &TranscriptEntry) -> TranscriptEntry {
    TranscriptEntry {
        stdout: rename(&entry.stdout),
        stderr: rename(&entry.stderr),
        ..entry.clone()
    }
}

/// `docker` as a word of its own, before a blank, a colon or a quote, is the program's name.
/// Host names, media types and file names hold it otherwise.
fn rename(text: &str) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("docker") {
        result.push_str(before);
        let starts = before
            .chars()
            .last()
            .is_none_or(|character| !character.is_alphanumeric() && !"./-_:".contains(character));
        let ends = after
            .chars()
            .next()
            .is_none_or(|character| " :'\"\n".contains(character));
        result.push_str(if starts && ends { "wharf" } else { "docker" });
        rest = after;
    }
    result + rest
}

fn explain(name: &str, who: &str, expected: &TranscriptEntry, actual: &TranscriptEntry) -> String {
    let lines = |entry: &TranscriptEntry| {
        entry
            .to_string()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (expected, actual) = (lines(expected), lines(actual));
    let mut text = format!(
        "{name}: {} (-: {who}, +: wharf)\n",
        expected.first().map_or("", String::as_str)
    );
    for line in diff(&expected, &actual) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// A line-by-line difference by the longest common subsequence; both sides are short.
fn diff(expected: &[String], actual: &[String]) -> Vec<String> {
    let mut lengths = vec![vec![0_usize; actual.len() + 1]; expected.len() + 1];
    for (row, left) in expected.iter().enumerate().rev() {
        for (column, right) in actual.iter().enumerate().rev() {
            lengths[row][column] = if left == right {
                lengths[row + 1][column + 1] + 1
            } else {
                lengths[row + 1][column].max(lengths[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut lines = Vec::new();
    while row < expected.len() || column < actual.len() {
        if row < expected.len() && column < actual.len() && expected[row] == actual[column] {
            lines.push(format!("  {}", expected[row]));
            (row, column) = (row + 1, column + 1);
        } else if column == actual.len()
            || (row < expected.len() && lengths[row + 1][column] >= lengths[row][column + 1])
        {
            lines.push(format!("- {}", expected[row]));
            row += 1;
        } else {
            lines.push(format!("+ {}", actual[column]));
            column += 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_programs_own_name_changes() {
        let table = [
            (
                "docker: unknown command: docker frob\n",
                "wharf: unknown command: wharf frob\n",
            ),
            (
                "docker: 'docker rmi' requires",
                "wharf: 'wharf rmi' requires",
            ),
            (
                "Usage:  docker pull [OPTIONS]",
                "Usage:  wharf pull [OPTIONS]",
            ),
            (
                "docker.io/library/docker:latest",
                "docker.io/library/docker:latest",
            ),
            (
                "application/vnd.docker.distribution",
                "application/vnd.docker.distribution",
            ),
            ("https://docs.docker.com/go/", "https://docs.docker.com/go/"),
        ];
        for (input, expected) in table {
            assert_eq!(rename(input), expected, "{input}");
        }
    }

    #[test]
    fn differences_need_a_reason() {
        let text = "words\n\n## one 2: because\n$ docker images\nout: x\nexit: 0\n\n## two: since\n$ docker tag\nexit: 1\n";
        let differences = Differences::parse(text).unwrap();
        assert_eq!(differences.scenarios().collect::<Vec<_>>(), ["one", "two"]);
        for wrong in [
            "\n## one\n$ x\n",
            "\n## one: \n$ x\n",
            "\n## one x: y\n$ x\n",
            "\n## one: y\nz\n",
        ] {
            assert!(Differences::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_difference_shows_both_sides() {
        let lines = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
        assert_eq!(
            diff(&lines("abc"), &lines("axc")),
            ["  a", "- b", "+ x", "  c"]
        );
        assert_eq!(diff(&lines(""), &lines("a")), ["+ a"]);
    }
}
