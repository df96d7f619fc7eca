//! The project's own commands, run as `cargo xtask COMMAND`.
//!
//! This crate is a table of contents: each command is a module of its own. It stays quick to compile (no async runtime,
//! no compression, no HTTP), because it is the first thing that a fresh machine builds.

mod bench;
mod conformance;
mod demo;
mod fixtures;
mod packages;
mod portal;
mod process;
mod record_golden;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a person who works on Wharf runs.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run every test, and the checks of style and architecture
    Test(test::TestArguments),
    /// Build the release binary and run the main job against a real registry on this machine
    Demo(demo::DemoArguments),
    /// Run the golden scenarios with the real docker CLI and write down what it prints
    RecordGolden(record_golden::RecordGoldenArguments),
    /// Check the rules that no compiler checks: crate edges, fenced dependencies, file lengths
    Tidy(tidy::TidyArguments),
    /// Build, check or test the registry's portal in `ui/`
    Portal(portal::PortalArguments),
    /// Run the OCI's conformance suite against the registry
    Conformance(conformance::ConformanceArguments),
    /// Make root file systems to try things on: busybox, Debian, and two like Alpine and distroless
    Fixtures(fixtures::FixturesArguments),
    /// Measure Wharf beside the other tools that are installed
    Bench(bench::BenchArguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::RecordGolden(arguments) => record_golden::run(&arguments),
        Command::Tidy(arguments) => tidy::run(&arguments),
        Command::Portal(arguments) => portal::run(&arguments),
        Command::Conformance(arguments) => conformance::run(&arguments),
        Command::Fixtures(arguments) => fixtures::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            process::say_on_stderr(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
