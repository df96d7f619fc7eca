//! Runs the cases, and keeps and shows what they measured.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{builds, runs};
use crate::registry::Registry;
use crate::report::{self, Shape};
use crate::results::{CaseResults, Results};
use crate::sandbox::Sandbox;
use crate::terminal::{say, show};
use crate::tools::{CONTAINER_TOOLS, Session, Tool, User, installed};
use crate::turns::take_turns;
use crate::volume::VolumeKind;

/// Measures containers and builds beside Docker, Podman, Buildah and BuildKit.
#[derive(Debug, clap::Args)]
pub(crate) struct ContainerArguments {
    /// What to measure; everything when nothing is named
    #[arg(value_name = "CASE")]
    cases: Vec<Case>,
    /// How often each tool has its turn
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// One round; docs/performance.md stays as it is
    #[arg(long)]
    quick: bool,
    /// Measure only these tools
    #[arg(long, value_name = "TOOL", value_delimiter = ',')]
    tools: Vec<String>,
    /// What the stores under test lie on
    #[arg(long, value_enum, default_value_t = VolumeKind::Tmpfs)]
    volume: VolumeKind,
    /// Leave docs/performance.md as it is
    #[arg(long)]
    no_write: bool,
    /// Where contexts, programs and results are kept
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// The page that gets the tables
    #[arg(long, value_name = "FILE")]
    page: PathBuf,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Case {
    /// `run --rm` of a program that ends at once
    Run,
    /// What a RUN step costs, and ten that are cached
    Steps,
    /// COPY of 20,000 files: cold, cached, and with one of them changed
    Files,
    /// Two stages that do not need each other
    Stages,
    /// COPY of a file of 2 GB
    LargeFile,
}

impl Case {
    pub(crate) const ALL: [Self; 5] = [
        Self::Run,
        Self::Steps,
        Self::Files,
        Self::Stages,
        Self::LargeFile,
    ];

    /// The word in the results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Steps => "steps",
            Self::Files => "files",
            Self::Stages => "stages",
            Self::LargeFile => "large-file",
        }
    }

    /// The headline of its table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Run => "`run --rm` of `busybox true`",
            Self::Steps => "Steps of a build",
            Self::Files => "COPY of 20,000 files, 27 MB",
            Self::Stages => "Two stages that compute and do not need each other",
            Self::LargeFile => "COPY of a file of 2 GB",
        }
    }

    /// What its table shows.
    pub(crate) fn shape(self) -> Shape {
        match self {
            Self::Run | Self::Steps | Self::Stages => Shape::Figures,
            Self::Files | Self::LargeFile => Shape::Usages,
        }
    }
}

/// The means of all cases.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    /// Holds the image that containers and builds begin with.
    pub(super) registry: Registry,
    tools: Vec<Tool>,
    pub(super) rounds: usize,
    volume: VolumeKind,
}

/// Answers whether every tool did what it was asked to.
pub(crate) fn run(arguments: &ContainerArguments) -> Result<bool> {
    let sandbox = Sandbox::open(&arguments.cache)?;
    let installed = installed(&sandbox, &CONTAINER_TOOLS);
    for tool in CONTAINER_TOOLS {
        if !installed.iter().any(|(found, _)| *found == tool) {
            say(&format!("skipped: {tool} is not installed"));
        }
    }
    let wanted = |tool: &Tool| {
        let words = &arguments.tools;
        words.is_empty() || words.iter().any(|word| word == tool.word())
    };
    let bench = Bench {
        registry: Registry::start(&sandbox, &sandbox.cache.join("registry"), "registry")?,
        tools: installed
            .iter()
            .map(|(tool, _)| *tool)
            .filter(wanted)
            .collect(),
        rounds: if arguments.quick { 1 } else { arguments.rounds },
        volume: arguments.volume,
        sandbox,
    };
    let file = arguments.cache.join("container-results.json");
    let mut results = Results::read(&file)?;
    let cases = match arguments.cases.as_slice() {
        [] => &Case::ALL[..],
        cases => cases,
    };
    let mut all_well = true;
    for case in cases {
        let measured = measure(&bench, *case)?;
        all_well &= measured.failures.is_empty();
        show(&report::case_table(case.title(), case.shape(), &measured));
        results.cases.insert(case.word().to_owned(), measured);
        if !arguments.quick {
            results.write(&file)?;
        }
    }
    if arguments.quick || arguments.no_write {
        show(&report::container_targets(&results));
    } else {
        report::write_container_page(&arguments.page, &results, &installed, arguments.volume)?;
    }
    Ok(all_well)
}

fn measure(bench: &Bench, case: Case) -> Result<CaseResults> {
    let mut results = CaseResults {
        date: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
        ..CaseResults::default()
    };
    let outcome = match case {
        Case::Run => runs::run(bench, &mut results),
        Case::Steps => builds::steps(bench, &mut results),
        Case::Files => builds::files(bench, &mut results),
        Case::Stages => builds::stages(bench, &mut results),
        Case::LargeFile => builds::large_file(bench, &mut results),
    };
    outcome.with_context(|| format!("measuring {}", case.word()))?;
    Ok(results)
}

impl Bench {
    /// Opens an empty store of `tool`.
    pub(super) fn session(&self, tool: Tool) -> Result<Session> {
        Session::open(&self.sandbox, tool, User::Root, self.volume)
    }

    /// Those of `tools` that are measured.
    pub(super) fn chosen(&self, tools: &[Tool]) -> Vec<Tool> {
        let chosen = tools.iter().filter(|tool| self.tools.contains(tool));
        chosen.copied().collect()
    }

    /// Lets those of `tools` that are measured take turns.
    pub(super) fn rounds(
        &self,
        what: &str,
        tools: &[Tool],
        results: &mut CaseResults,
        turn: impl FnMut(Tool, &mut CaseResults) -> Result<()>,
    ) {
        take_turns(what, self.rounds, self.chosen(tools), results, turn);
    }
}
