//! Measures Wharf beside the peers that are installed. Started by `cargo xtask bench`, which builds everything first and
//! puts this program into namespaces of its own.
//!
//! Each case opens an empty store of each tool on a fresh file system, lets the tools take turns in rounds, and records
//! wall time, CPU time and memory of the tool with everything that it starts. Results are kept as JSON in the cache folder
//! and shown as the tables of docs/performance.md.

mod accounting;
mod cases;
mod containers;
mod images;
mod load;
mod memory;
mod proxy;
mod registry;
mod report;
mod results;
mod sandbox;
mod serving;
mod terminal;
mod tools;
mod turns;
mod volume;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;

use crate::cases::{Bench, Case};
use crate::containers::ContainerArguments;
use crate::images::ImageName;
use crate::registry::Registry;
use crate::results::Results;
use crate::sandbox::Sandbox;
use crate::serving::ServingArguments;
use crate::terminal::{say, show};
use crate::tools::{IMAGE_TOOLS, Tool, installed};
use crate::volume::VolumeKind;

/// What `cargo xtask bench` starts: it puts the first word there.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
enum Program {
    /// How images are pulled, pushed, saved, loaded and listed
    Images(Arguments),
    /// How the registry serves
    Registry(ServingArguments),
    /// How containers start and images are built
    Containers(ContainerArguments),
}

/// Measures Wharf beside the peers that are installed. `cargo xtask bench registry` measures the registry, `cargo xtask bench containers`
/// containers and builds.
#[derive(Debug, clap::Args)]
struct Arguments {
    /// What to measure; everything when nothing is named
    #[arg(value_name = "CASE")]
    cases: Vec<Case>,
    /// How often each tool has its turn
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// One round, the small image alone, few kills; docs/performance.md stays as it is
    #[arg(long)]
    quick: bool,
    /// Measure only these tools
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    tools: Vec<String>,
    /// Pull only these images: small, medium, medium-zstd, large
    #[arg(long, value_name = "IMAGE", value_delimiter = ',')]
    images: Vec<String>,
    /// What the stores under test lie on
    #[arg(long, value_enum, default_value_t = VolumeKind::Tmpfs)]
    volume: VolumeKind,
    /// How often the interrupted pull is killed
    #[arg(long, value_name = "N", default_value_t = 100)]
    kills: usize,
    /// Leave docs/performance.md as it is
    #[arg(long)]
    no_write: bool,
    /// Where images, registry and results are kept
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// The page that gets the tables
    #[arg(long, value_name = "FILE")]
    page: PathBuf,
}

fn main() -> ExitCode {
    let outcome = match Program::parse() {
        Program::Images(arguments) => bench(&arguments),
        Program::Registry(arguments) => serving::run(&arguments),
        Program::Containers(arguments) => containers::run(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Answers whether every tool did what it was asked to.
fn bench(arguments: &Arguments) -> Result<bool> {
    let sandbox = Sandbox::open(&arguments.cache)?;
    let installed = installed(&sandbox, &IMAGE_TOOLS);
    let results_file = sandbox.cache.join("results.json");
    let mut results = Results::read(&results_file)?;
    let storage = sandbox.cache.join("registry");
    let bench = Bench {
        registry: Registry::start(&sandbox, &storage, "registry")?,
        tools: chosen_tools(&installed, &arguments.tools)?,
        images: chosen_images(arguments)?,
        rounds: if arguments.quick { 1 } else { arguments.rounds },
        volume: arguments.volume,
        kills: if arguments.quick { 5 } else { arguments.kills },
        sandbox,
    };
    let cases = if arguments.cases.is_empty() {
        &Case::ALL[..]
    } else {
        &arguments.cases
    };
    let mut all_well = true;
    for case in cases {
        let measured = case
            .run(&bench)
            .with_context(|| format!("measuring {}", case.word()))?;
        all_well &= measured.failures.is_empty();
        show(&report::case_table(case.title(), case.shape(), &measured));
        results.cases.insert(case.word().to_owned(), measured);
        if !arguments.quick {
            results.write(&results_file)?;
        }
    }
    if !arguments.quick && !arguments.no_write {
        report::write_page(&arguments.page, &results, &installed, arguments.volume)?;
    }
    Ok(all_well)
}

fn chosen_tools(installed: &[(Tool, String)], wanted: &[String]) -> Result<Vec<Tool>> {
    for word in wanted {
        if !installed.iter().any(|(tool, _)| tool.word() == word) {
            bail!("the tool {word} is not installed, or is none that is measured");
        }
    }
    let tools = installed.iter().map(|(tool, _)| *tool);
    Ok(tools
        .filter(|tool| wanted.is_empty() || wanted.iter().any(|word| word == tool.word()))
        .collect())
}

fn chosen_images(arguments: &Arguments) -> Result<Vec<ImageName>> {
    let all = [
        ImageName::Small,
        ImageName::Medium,
        ImageName::MediumZstd,
        ImageName::Large,
    ];
    for word in &arguments.images {
        if !all.iter().any(|image| image.word() == word) {
            bail!("there is no image {word}");
        }
    }
    if arguments.images.is_empty() {
        return Ok(if arguments.quick {
            vec![ImageName::Small]
        } else {
            all.to_vec()
        });
    }
    Ok(all
        .into_iter()
        .filter(|image| arguments.images.iter().any(|word| word == image.word()))
        .collect())
}
