//! `cargo xtask conformance`: the OCI's own test of the distribution protocol, against the registry as it is built here.
//!
//! The registry, its stores and its nodes are started by a program of the test kit, which this crate does not link, to stay
//! quick to compile.

use std::fmt;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::packages::find;
use crate::process::{cargo, run as run_command, say, show, target_folder};

/// The suite, a plain Go program, and the commit it is taken at.
const SUITE: &str = "github.com/opencontainers/distribution-spec/conformance";
const SUITE_VERSION: &str = "v0.0.0-20260627150115-216c04cd22ce";
/// Versions of the specification that the suite knows and that we hold to.
const VERSIONS: [&str; 2] = ["1.1", "dev"];
/// What a registry keeps its data in: a folder with SQLite, or S3 with PostgreSQL.
const STORES: [&str; 2] = ["folder", "s3"];
/// What the suite is told by its environment, beside what differs from run to run.
const ENVIRONMENT: [(&str, &str); 6] = [
    ("OCI_TLS", "disabled"),
    ("OCI_REPO1", "library/conformance-1"),
    ("OCI_REPO2", "library/conformance-2"),
    // Images and indexes of which some parts were not pushed; off by default.
    ("OCI_DATA_SPARSE", "true"),
    // The test kit's.
    ("OCI_USERNAME", "admin"),
    ("OCI_PASSWORD", "Harbor12345"),
];

/// What `cargo xtask conformance` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct ConformanceArguments {
    /// A checkout of the distribution specification, or of its folder `conformance`, to build the suite from
    #[arg(long, value_name = "DIR")]
    suite: Option<PathBuf>,
    /// Version of the specification to test against; may be repeated [default: 1.1 and dev]
    #[arg(long = "version", value_name = "VERSION", value_parser = VERSIONS)]
    versions: Vec<String>,
    /// What the registry keeps its data in, a folder with SQLite or S3 with PostgreSQL; may be repeated [default: both]
    #[arg(long = "store", value_name = "STORE", value_parser = STORES)]
    stores: Vec<String>,
    /// How many nodes serve, behind a load balancer, one of them always being restarted; more than one on S3 only
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=9))]
    nodes: u8,
}

/// How many tests went which way.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    tests: u64,
    failed: u64,
    skipped: u64,
    disabled: u64,
}

impl Counts {
    fn are_clean(&self) -> bool {
        self.tests > 0 && self.failed == 0 && self.skipped == 0
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} tests, {} failed, {} skipped, {} disabled",
            self.tests, self.failed, self.skipped, self.disabled
        )
    }
}

/// Builds the suite and the registry, and runs the one against the other. A machine that cannot have the suite is told so.
pub(crate) fn run(arguments: &ConformanceArguments) -> Result<()> {
    let folder = target_folder()?.join("conformance");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let Some(suite) = build_suite(arguments.suite.as_deref(), &folder)? else {
        return Ok(());
    };
    for words in [&["wharf"][..], &["testkit", "--bins"]] {
        let mut build = cargo();
        build.args(["build", "--package"]).args(words);
        run_command(&mut build)?;
    }
    let mut failed = Vec::new();
    for store in stores(arguments)? {
        for version in wished(&arguments.versions, &VERSIONS) {
            let run = Run {
                store,
                nodes: arguments.nodes,
                version,
                results: folder.join(store).join(version),
            };
            let Some(counts) = run.with(&suite)? else {
                say(&format!("skipped: the conformance suite on {store}"));
                continue;
            };
            let report = run.results.join("report.html");
            say(&format!(
                "conformance {run}: {counts} ({})",
                report.display()
            ));
            if !counts.are_clean() {
                failed.push(run.to_string());
            }
        }
    }
    if !failed.is_empty() {
        bail!("the registry does not conform: {}", failed.join(", "));
    }
    Ok(())
}

/// The stores to run on. Nodes can share no folder.
fn stores(arguments: &ConformanceArguments) -> Result<Vec<&str>> {
    if arguments.nodes == 1 {
        return Ok(wished(&arguments.stores, &STORES));
    }
    if arguments.stores.iter().any(|store| store == "folder") {
        bail!("several nodes cannot share a folder; leave out --store folder");
    }
    Ok(vec!["s3"])
}

fn wished<'a>(named: &'a [String], all: &[&'a str]) -> Vec<&'a str> {
    if named.is_empty() {
        return all.to_vec();
    }
    named.iter().map(String::as_str).collect()
}

/// The suite's program. `None`, said aloud, where it cannot be had.
fn build_suite(checkout: Option<&Path>, folder: &Path) -> Result<Option<PathBuf>> {
    let skip = |reason: &str| {
        say(&format!("skipped: the conformance suite: {reason}"));
        Ok(None)
    };
    if find("go").is_none() {
        return skip("go is not installed (apt-get install golang-go)");
    }
    let program = folder.join("suite");
    let mut build = Command::new("go");
    build.arg("build").arg("-o").arg(&program);
    if let Some(checkout) = checkout {
        let inner = checkout.join("conformance");
        build.arg(".");
        build.current_dir(if inner.is_dir() { &inner } else { checkout });
        run_command(&mut build)?;
        return Ok(Some(program));
    }
    let module = folder.join("module");
    fs::create_dir_all(&module)?;
    write(
        &module.join("go.mod"),
        &format!("module suite\n\ngo 1.24\n\nrequire {SUITE} {SUITE_VERSION}\n"),
    )?;
    build.arg("-mod=mod").arg(SUITE).current_dir(&module);
    say(&format!("\n$ {}", show(&build)));
    if !build.status().context("starting go")?.success() {
        return skip("Go's module proxy does not have it; name a checkout with --suite");
    }
    Ok(Some(program))
}

/// One run of the suite, against a registry of its own.
struct Run<'a> {
    store: &'a str,
    nodes: u8,
    version: &'a str,
    /// The folder of what the suite and the registry leave.
    results: PathBuf,
}

impl fmt::Display for Run<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} on {}", self.version, self.store)?;
        if self.nodes > 1 {
            write!(formatter, " with {} nodes", self.nodes)?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// `None`, said aloud, where a store is not installed.
    fn with(&self, suite: &Path) -> Result<Option<Counts>> {
        let results = &self.results;
        if results.exists() {
            fs::remove_dir_all(results)
                .with_context(|| format!("removing {}", results.display()))?;
        }
        fs::create_dir_all(results)?;
        let Some(registry) = self.serve()? else {
            return Ok(None);
        };
        let mut command = Command::new(suite);
        command
            .current_dir(results)
            .env("OCI_RESULTS_DIR", results)
            .env("OCI_VERSION", self.version)
            .env("OCI_REGISTRY", &registry.address)
            .envs(ENVIRONMENT)
            .stdout(fs::File::create(results.join("output.txt"))?);
        let ended = command.status().context("starting the suite")?;
        registry.end()?;
        let report = results.join("junit.xml");
        // It ends with a failure where a test failed, and says in its report which.
        let report = fs::read_to_string(&report)
            .with_context(|| format!("the suite left no {} ({ended})", report.display()))?;
        counts(&report)
            .context("junit.xml counts nothing")
            .map(Some)
    }

    fn serve(&self) -> Result<Option<Registry>> {
        let programs = target_folder()?.join("debug");
        let mut child = Command::new(programs.join("serve-registry"))
            .arg(programs.join("wharf"))
            .args([&self.results.join("data"), Path::new(self.store)])
            .arg(self.nodes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the registry")?;
        let output = child.stdout.take().context("the registry's output")?;
        let mut registry = Registry {
            child,
            address: String::new(),
            output: BufReader::new(output),
        };
        registry.output.read_line(&mut registry.address)?;
        registry.address.truncate(registry.address.trim_end().len());
        if registry.address.is_empty() {
            registry.end()?;
            return Ok(None);
        }
        Ok(Some(registry))
    }
}

/// Reads the numbers of the report's first element.
fn counts(report: &str) -> Option<Counts> {
    let (_, element) = report.split_once("<testsuites ")?;
    let (attributes, rest) = element.split_once('>')?;
    // Failures and errors stand on the suite inside alone.
    let (_, inner) = rest.split_once("<testsuite ")?;
    let (inner, _) = inner.split_once('>')?;
    let number = |attributes: &str, name: &str| {
        let (_, value) = attributes.split_once(&format!("{name}=\""))?;
        value.split('"').next()?.parse::<u64>().ok()
    };
    let among = |name| number(inner, name).unwrap_or_default();
    Some(Counts {
        tests: number(attributes, "tests")?,
        failed: among("failures") + among("errors"),
        skipped: among("skipped"),
        disabled: among("disabled"),
    })
}

/// A registry that serves, with its stores and nodes. They end when the program's standard input does, also with this
/// process.
struct Registry {
    child: Child,
    address: String,
    output: BufReader<ChildStdout>,
}

impl Registry {
    /// Ends it, and passes on what it says at its end.
    fn end(mut self) -> Result<()> {
        drop(self.child.stdin.take());
        for line in self.output.lines().map_while(Result::ok) {
            say(&line);
        }
        let ended = self.child.wait().context("waiting for the registry")?;
        if !ended.success() {
            bail!("the registry ended badly: {ended}");
        }
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file for one run need not be written atomically"
)]
fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_counted() {
        let report = r#"<testsuites time="2.5" tests="862" skipped="2" disabled="4">
  <testsuite name="OCI" tests="862" failures="3" errors="1" disabled="4" skipped="2" time="2.8">"#;
        let expected = Counts {
            tests: 862,
            failed: 4,
            skipped: 2,
            disabled: 4,
        };
        assert_eq!(counts(report), Some(expected));
        assert_eq!(counts("<html>"), None);
    }
}
