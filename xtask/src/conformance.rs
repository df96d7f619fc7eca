//! `cargo xtask conformance`: the OCI's own test of the distribution protocol, against the registry as it is built here.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::packages::find;
use crate::process::{cargo, run as run_command, say, show, target_folder};

/// The suite, a plain Go program, and the commit it is taken at.
const SUITE: &str = "github.com/opencontainers/distribution-spec/conformance";
const SUITE_VERSION: &str = "v0.0.0-20260627150115-216c04cd22ce";
/// Versions of the specification that the suite knows and that we hold to.
const VERSIONS: [&str; 2] = ["1.1", "dev"];
const PASSWORD: &str = "Harbor12345";

/// What `cargo xtask conformance` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct ConformanceArguments {
    /// A checkout of the distribution specification, or of its folder `conformance`, to build the suite from
    #[arg(long, value_name = "DIR")]
    suite: Option<PathBuf>,
    /// Version of the specification to test against; may be repeated [default: 1.1 and dev]
    #[arg(long = "version", value_name = "VERSION", value_parser = VERSIONS)]
    versions: Vec<String>,
}

/// How many tests went which way.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    tests: u64,
    failed: u64,
    skipped: u64,
    disabled: u64,
}

/// Builds the suite and the registry, and runs the one against the other. A machine that cannot have the suite is told so.
pub(crate) fn run(arguments: &ConformanceArguments) -> Result<()> {
    let folder = target_folder()?.join("conformance");
    fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let Some(suite) = build_suite(arguments.suite.as_deref(), &folder)? else {
        return Ok(());
    };
    let mut build = cargo();
    build.args(["build", "--package", "wharf"]);
    run_command(&mut build)?;
    let mut failed = Vec::new();
    for version in wished(&arguments.versions) {
        let results = folder.join(version);
        let counts = run_suite(&suite, version, &results)?;
        say(&format!(
            "conformance {version}: {} tests, {} failed, {} skipped, {} disabled ({})",
            counts.tests,
            counts.failed,
            counts.skipped,
            counts.disabled,
            results.join("report.html").display()
        ));
        if counts.tests == 0 || counts.failed > 0 || counts.skipped > 0 {
            failed.push(version);
        }
    }
    if !failed.is_empty() {
        bail!("the registry does not conform to {}", failed.join(", "));
    }
    Ok(())
}

fn wished(versions: &[String]) -> Vec<&str> {
    if versions.is_empty() {
        return VERSIONS.to_vec();
    }
    versions.iter().map(String::as_str).collect()
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

/// Runs the suite once against a registry of its own.
fn run_suite(suite: &Path, version: &str, results: &Path) -> Result<Counts> {
    if results.exists() {
        fs::remove_dir_all(results).with_context(|| format!("removing {}", results.display()))?;
    }
    fs::create_dir_all(results)?;
    let registry = Registry::start(&results.join("data"))?;
    let mut command = Command::new(suite);
    command
        .current_dir(results)
        .env("OCI_RESULTS_DIR", results)
        .env("OCI_VERSION", version)
        .env("OCI_REGISTRY", &registry.address)
        .env("OCI_TLS", "disabled")
        .env("OCI_REPO1", "library/conformance-1")
        .env("OCI_REPO2", "library/conformance-2")
        .env("OCI_USERNAME", "admin")
        .env("OCI_PASSWORD", PASSWORD)
        .stdout(fs::File::create(results.join("output.txt"))?);
    let ended = command.status().context("starting the suite")?;
    drop(registry);
    let report = results.join("junit.xml");
    // It ends with a failure where a test failed, and says in its report which.
    let report = fs::read_to_string(&report)
        .with_context(|| format!("the suite left no {} ({ended})", report.display()))?;
    counts(&report).context("junit.xml counts nothing")
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

/// A registry on a free port, ended with this value.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    fn start(data: &Path) -> Result<Self> {
        fs::create_dir_all(data)?;
        let mut child = Command::new(target_folder()?.join("debug/wharf"))
            .args(["registry", "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .env("WHARF_REGISTRY_ADMIN_PASSWORD", PASSWORD)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the registry")?;
        let output = child.stdout.take().context("the registry's output")?;
        let mut registry = Self {
            child,
            address: String::new(),
        };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        registry.address = lines
            .find_map(|line| Some(line.split_once("Serving on http://")?.1.to_owned()))
            .context("the registry ended before it served")?;
        // Somebody has to read on, or it waits for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Its data are of no use after this.
        drop(self.child.kill());
        drop(self.child.wait());
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
