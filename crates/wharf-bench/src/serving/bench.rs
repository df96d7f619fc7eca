//! Runs the cases, and keeps and shows what they measured.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::content::Corpus;
use super::figures::{Case, CaseFigures, Quantity, Scheme, ServingFigures, Subject};
use super::server::{Certificate, Kind, Server, Start};
use super::{blobs, garbage, lists, manifests, memory, pushes, setup};
use crate::memory::touch_free_memory;
use crate::report;
use crate::sandbox::Sandbox;
use crate::terminal::{say, show};
use crate::volume::{Volume, VolumeKind};

/// Measures Wharf's registry beside docker-registry and nginx.
#[derive(Debug, clap::Args)]
pub(crate) struct ServingArguments {
    /// What to measure; everything when nothing is named
    #[arg(value_name = "CASE")]
    cases: Vec<Case>,
    /// How often each server has its turn
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
    /// One short round with little content; docs/performance.md stays as it is
    #[arg(long)]
    quick: bool,
    /// Measure only these servers
    #[arg(long, value_name = "SERVER", value_delimiter = ',')]
    servers: Vec<Kind>,
    /// Leave docs/performance.md as it is
    #[arg(long)]
    no_write: bool,
    /// Where results are kept
    #[arg(long, value_name = "DIR")]
    cache: PathBuf,
    /// The page that gets the tables
    #[arg(long, value_name = "FILE")]
    page: PathBuf,
}

/// Answers whether every server did what it was asked to.
pub(crate) fn run(arguments: &ServingArguments) -> Result<bool> {
    let sandbox = Sandbox::open(&arguments.cache)?;
    let installed: Vec<(Kind, String)> = Kind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, kind.version(&sandbox)?)))
        .collect();
    let wanted = |kind: Kind| arguments.servers.is_empty() || arguments.servers.contains(&kind);
    for kind in Kind::ALL {
        if wanted(kind) && !installed.iter().any(|(found, _)| *found == kind) {
            say(&format!("skipped: {kind} is not installed"));
        }
    }
    let bench = Bench {
        certificate: Certificate::make(&sandbox)?,
        kinds: installed
            .iter()
            .map(|(kind, _)| *kind)
            .filter(|kind| wanted(*kind))
            .collect(),
        rounds: if arguments.quick { 1 } else { arguments.rounds },
        quick: arguments.quick,
        sandbox,
    };
    let file = arguments.cache.join("registry-results.json");
    let mut results = ServingFigures::read(&file)?;
    let cases = match arguments.cases.as_slice() {
        [] => &Case::ALL[..],
        cases => cases,
    };
    let mut all_well = true;
    for case in cases {
        let mut figures = CaseFigures {
            date: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            ..CaseFigures::default()
        };
        let outcome = match case {
            Case::Manifests => manifests::run(&bench, &mut figures),
            Case::Blobs => blobs::run(&bench, &mut figures),
            Case::Pushes => pushes::run(&bench, &mut figures),
            Case::Memory => memory::run(&bench, &mut figures),
            Case::Lists => lists::run(&bench, &mut figures),
            Case::Garbage => garbage::run(&bench, &mut figures),
        };
        outcome.with_context(|| format!("measuring {case:?}"))?;
        all_well &= figures.failures.is_empty();
        show(&report::serving_table(*case, &figures));
        results.cases.insert(*case, figures);
        if !arguments.quick {
            results.write(&file)?;
        }
    }
    if !arguments.quick && !arguments.no_write {
        report::write_serving_page(&arguments.page, &results, &installed)?;
    } else {
        show(&report::serving_targets(&results));
    }
    Ok(all_well)
}

/// The means of all cases.
pub(super) struct Bench {
    pub(super) sandbox: Sandbox,
    certificate: Certificate,
    pub(super) kinds: Vec<Kind>,
    pub(super) rounds: usize,
    pub(super) quick: bool,
}

/// A running server with a file system of its own, which goes after it.
pub(super) struct Stand {
    pub(super) server: Server,
    pub(super) scheme: Scheme,
    volume: Volume,
}

/// What all servers are asked.
pub(super) struct Asked<T> {
    pub(super) how: T,
    /// What the tables call it.
    pub(super) what: String,
    pub(super) clients: usize,
    /// Whether hundreds of megabytes are written to memory, so that it matters whether the host took it away.
    pub(super) writes_memory: bool,
}

impl Stand {
    /// Where the server keeps everything.
    pub(super) fn data(&self) -> PathBuf {
        self.volume.path().join("data")
    }

    /// Adds how much memory the server has had at most since its start.
    pub(super) fn note_memory(&self, figures: &mut CaseFigures) {
        let (_, most) = self.server.account.resident_bytes();
        let subject = Subject::new(MEMORY, self.scheme, 0);
        let kind = self.server.kind;
        figures.add(&subject, kind, Quantity::Megabytes, megabytes(most));
    }

    /// Stops the server and starts it again on what it has.
    pub(super) fn restart(self, bench: &Bench, settings: &str) -> Result<Self> {
        let Self {
            server,
            scheme,
            volume,
        } = self;
        let kind = server.kind;
        server.stop();
        let server = bench.start(kind, scheme, &volume, settings)?;
        Ok(Self {
            server,
            scheme,
            volume,
        })
    }
}

impl Bench {
    /// How long one thing is asked for, before it is counted and while it is.
    pub(super) fn durations(&self) -> (Duration, Duration) {
        let [warm_up, duration] = if self.quick { [30, 100] } else { [100, 600] };
        (
            Duration::from_millis(warm_up),
            Duration::from_millis(duration),
        )
    }

    /// Starts an empty server on a fresh file system.
    pub(super) fn open(
        &self,
        kind: Kind,
        scheme: Scheme,
        volume: VolumeKind,
        settings: &str,
    ) -> Result<Stand> {
        let name = format!("serving-{kind}-{scheme}");
        let volume = Volume::fresh(&self.sandbox, volume, &name)?;
        std::fs::create_dir(volume.path().join("data"))?;
        let server = self.start(kind, scheme, &volume, settings)?;
        Ok(Stand {
            server,
            scheme,
            volume,
        })
    }

    fn start(&self, kind: Kind, scheme: Scheme, volume: &Volume, settings: &str) -> Result<Server> {
        Server::start(&Start {
            sandbox: &self.sandbox,
            kind,
            scheme,
            certificate: &self.certificate,
            data: &volume.path().join("data"),
            settings,
        })
    }

    /// All servers, with and without TLS, that hold `corpus`.
    pub(super) fn open_filled(&self, corpus: &Corpus) -> Result<Vec<Stand>> {
        let mut stands = Vec::new();
        for scheme in [Scheme::Http, Scheme::Https] {
            for kind in &self.kinds {
                say(&format!("filling {kind} over {scheme}"));
                let stand = self.open(*kind, scheme, VolumeKind::Ext4, "")?;
                setup::fill(&stand.server, &stand.data(), corpus)
                    .with_context(|| format!("filling {kind}"))?;
                stands.push(stand);
            }
        }
        Ok(stands)
    }

    /// The turns of all rounds.
    pub(super) fn rounds<T>(
        &self,
        stands: &[Stand],
        subjects: &[Asked<T>],
        figures: &mut CaseFigures,
        mut turn: impl FnMut(&Stand, &T, &Subject, &mut CaseFigures) -> Result<()>,
    ) {
        for round in 1..=self.rounds {
            say(&format!("round {round}"));
            turns(stands, subjects, figures, &mut turn);
        }
    }
}

/// Lets each of `stands` have its turn with each of `subjects`. What fails is reported, and the
/// others go on. In the end it is noted how much memory each server has had.
pub(super) fn turns<T>(
    stands: &[Stand],
    subjects: &[Asked<T>],
    figures: &mut CaseFigures,
    mut turn: impl FnMut(&Stand, &T, &Subject, &mut CaseFigures) -> Result<()>,
) {
    for asked in subjects {
        let (what, clients) = (&asked.what, asked.clients);
        say(&format!("{what}, {clients} clients"));
        if asked.writes_memory {
            touch_free_memory();
        }
        for stand in stands {
            let subject = Subject::new(what, stand.scheme, clients);
            if let Err(error) = turn(stand, &asked.how, &subject, figures) {
                let kind = stand.server.kind;
                let failure = format!("{what} over {}: {kind}: {error:#}", stand.scheme);
                say(&format!("  {failure}"));
                figures.failures.push(failure);
            }
        }
    }
    for stand in stands {
        stand.note_memory(figures);
    }
}

/// The subject of the largest memory that a server had in a case.
pub(crate) const MEMORY: &str = "memory at most";

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes are far below the 52 bits that are exact"
)]
pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
