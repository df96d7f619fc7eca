//! What the checks found, as `docker build --check` prints it.

use std::fmt::Write as _;

use crate::dockerfile::Lines;

use super::options::CheckOptions;
use super::problem::Problem;
use super::rule::Rule;

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How.
    pub detail: String,
    /// Where.
    pub lines: Lines,
}

/// Everything that was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CheckReport {
    /// Rules that are broken, in the order of lines.
    pub findings: Vec<Finding>,
    /// What makes a build impossible. Behind it nothing was checked.
    pub problem: Option<Problem>,
    /// Whether a build fails because of findings: `# check=error=true`.
    pub fails: bool,
}

impl CheckReport {
    pub(super) fn add(&mut self, options: &CheckOptions, rule: Rule, lines: Lines, detail: String) {
        if options.want(rule) {
            self.findings.push(Finding {
                rule,
                detail,
                lines,
            });
        }
    }

    /// What makes a build fail if findings shall, and there are some.
    pub fn violated(&self) -> Option<Problem> {
        let mut rules: Vec<&str> = Vec::new();
        for finding in self.findings.iter().filter(|_| self.fails) {
            let name = finding.rule.name();
            if !rules.contains(&name) {
                rules.push(name);
            }
        }
        let rules = rules.join(", ");
        (!rules.is_empty()).then_some(Problem::Findings { rules })
    }

    /// What stdout gets: the count, then each finding with its place. `name` is what the file is called.
    pub fn text(&self, name: &str, file: &str) -> String {
        let mut text = match self.findings.len() {
            0 if self.problem.is_some() => String::new(),
            0 => "Check complete, no warnings found.\n".to_owned(),
            1 => "Check complete, 1 warning has been found!\n".to_owned(),
            count => format!("Check complete, {count} warnings have been found!\n"),
        };
        for finding in &self.findings {
            write_infallibly(
                &mut text,
                format_args!(
                    "\nWARNING: {} - {}\n{}\n{}",
                    finding.rule.name(),
                    finding.rule.url(),
                    finding.detail,
                    excerpt(name, file, finding.lines)
                ),
            );
        }
        if self.problem.is_some() && !self.findings.is_empty() {
            text.push('\n');
        }
        text
    }

    /// What stderr gets if a build is impossible.
    pub fn problem_text(&self, name: &str, file: &str) -> Option<String> {
        let problem = self.problem.as_ref()?;
        let place = problem
            .lines()
            .map_or_else(String::new, |lines| excerpt(name, file, lines));
        Some(format!("{problem}\n{place}"))
    }
}

/// Lines of a file with some around them, as BuildKit shows a place.
pub fn excerpt(name: &str, file: &str, lines: Lines) -> String {
    const RULER: &str = "--------------------\n";

    let count = file.split('\n').count();
    if lines.first > count {
        return String::new();
    }
    let around = if lines.first == lines.last { 2 } else { 1 };
    let first = lines.first.saturating_sub(around).max(1);
    let last = (lines.last + around).min(count);
    let mut text = format!("{name}:{}\n{RULER}", lines.first);
    for (index, line) in file.split('\n').enumerate().take(last).skip(first - 1) {
        let number = index + 1;
        let mark = if lines.contain(number) { ">>>" } else { "   " };
        write_infallibly(&mut text, format_args!(" {number:>3} | {mark} {line}\n"));
    }
    text.push_str(RULER);
    text
}

fn write_infallibly(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    if text.write_fmt(arguments).is_err() {
        // writing to memory does not fail
    }
}
