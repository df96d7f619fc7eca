//! `cargo xtask test`: every test and every check, with one line at the end that says what ran.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, Result, bail};

use crate::packages::{PEERS, PORTAL, REQUIRED, provide};
use crate::portal;
use crate::process::{cargo, run as run_command, say, say_on_stderr, show};
use crate::tidy::{self, TidyArguments};

/// What `cargo xtask test` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArguments {
    /// Name what is missing on this machine instead of installing it
    #[arg(long)]
    no_install: bool,
    /// Run only the tests, not the checks of format, lints, documentation and architecture
    #[arg(long)]
    only_tests: bool,
    /// Run only tests whose names contain this
    filter: Option<String>,
}

/// Runs all of it, even when a part fails, and fails at the end.
pub(crate) fn run(arguments: &TestArguments) -> Result<()> {
    let wished = [PEERS, PORTAL].concat();
    provide(REQUIRED, &wished, !arguments.no_install)?;
    let mut failed = Vec::new();
    if !arguments.only_tests {
        let checks: [(&str, &[&str]); 3] = [
            ("format", &["fmt", "--all", "--check"]),
            (
                "lints",
                &[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--",
                    "--deny",
                    "warnings",
                ],
            ),
            (
                "documentation",
                &[
                    "doc",
                    "--workspace",
                    "--no-deps",
                    "--document-private-items",
                    "--quiet",
                ],
            ),
        ];
        for (name, words) in checks {
            let mut command = cargo();
            command.args(words).env("RUSTDOCFLAGS", "--deny warnings");
            announce(&command);
            if let Err(error) = run_command(&mut command) {
                say(&format!("{error:#}"));
                failed.push(name);
            }
        }
        if let Err(error) = tidy::run(&TidyArguments {}) {
            say(&format!("{error:#}"));
            failed.push("tidy");
        }
        if let Err(error) = portal::check() {
            say(&format!("{error:#}"));
            failed.push("portal");
        }
    }
    let mut tests = cargo();
    tests
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(&arguments.filter)
        // What is too long for every day is not too long for this.
        .args(["--", "--include-ignored"]);
    announce(&tests);
    let (mut counts, succeeded) = run_counted(&mut tests)?;
    if !succeeded {
        failed.push("tests");
    }
    if arguments.filter.is_none() && !walk_through_portal(&mut counts)? {
        failed.push("walks through the portal");
    }
    let checks = if arguments.only_tests {
        "checks not run"
    } else {
        "format, lints, documentation and tidy checked"
    };
    say(&format!("\ncargo xtask test: {counts}; {checks}"));
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Runs the walks where they can run, and gives whether none failed.
fn walk_through_portal(counts: &mut Counts) -> Result<bool> {
    let Some(mut walks) = portal::walks()? else {
        counts.skipped += 1;
        return Ok(true);
    };
    announce(&walks);
    let (walked, succeeded) = run_counted(&mut walks)?;
    counts.add(&walked);
    Ok(succeeded)
}

fn announce(command: &Command) {
    say(&format!("\n$ {}", show(command)));
}

/// What the tests said about themselves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// Tests that said why they, or a part of them, did not run.
    skipped: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} passed, {} failed, {} ignored, {} skipped (each with a line `skipped:` above)",
            self.passed, self.failed, self.ignored, self.skipped
        )
    }
}

impl Counts {
    /// Reads one line that `cargo test`, Node's test runner or a test printed.
    fn read(&mut self, line: &str) {
        // Tests print this line past the runner's capture, so that it may stand behind `test name ... `.
        if line.contains("skipped: ") {
            self.skipped += 1;
        }
        if let Some((kind, count)) = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(' '))
        {
            self.read_tap(kind, count);
        }
        let Some((_, results)) = line.split_once("test result: ") else {
            return;
        };
        for part in results.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(count), Some(kind)) = (
                words.next().and_then(|count| count.parse::<u64>().ok()),
                words.next(),
            ) else {
                continue;
            };
            match kind {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }

    /// Reads a line of the summary that Node's test runner prints: `# pass 29`.
    fn read_tap(&mut self, kind: &str, count: &str) {
        let Ok(count) = count.parse::<u64>() else {
            return;
        };
        match kind {
            "pass" => self.passed += count,
            "fail" | "cancelled" => self.failed += count,
            "skipped" => self.skipped += count,
            _ => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.skipped += other.skipped;
    }
}

/// Runs `command`, shows what it prints as it comes, and counts. The flag says whether it succeeded.
fn run_counted(command: &mut Command) -> Result<(Counts, bool)> {
    let shown = show(command);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let stderr = child.stderr.take().context("a piped standard error")?;
    let errors = thread::spawn(move || count_lines(stderr, say_on_stderr));
    let stdout = child.stdout.take().context("a piped standard output")?;
    let mut counts = count_lines(stdout, say);
    if let Ok(more) = errors.join() {
        counts.add(&more);
    }
    let status = child
        .wait()
        .with_context(|| format!("waiting for `{shown}`"))?;
    Ok((counts, status.success()))
}

fn count_lines(stream: impl Read, show: impl Fn(&str)) -> Counts {
    let mut counts = Counts::default();
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        counts.read(&line);
        show(&line);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 11 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "test a::b ... skipped: umoci is not installed (apt-get install umoci) [a::b]",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out; finished in 0.01s",
            "7 passed",
            "# pass 5",
            "# fail 1",
            "# a pass 9",
        ] {
            counts.read(line);
        }
        assert_eq!(
            counts,
            Counts {
                passed: 19,
                failed: 3,
                ignored: 1,
                skipped: 1
            }
        );
    }
}
