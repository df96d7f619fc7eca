//! Pushes of new blobs, each synced before its 201; in one piece and in chunks.

use std::time::Duration;

use anyhow::Result;

use super::bench::{Asked, Bench, Stand, megabytes, turns};
use super::content::REPOSITORY;
use super::figures::{CaseFigures, Quantity, Scheme, Subject};
use super::server::Kind;
use super::setup;
use crate::load::{Content, Push, Pushed, push};
use crate::terminal::say;
use crate::volume::VolumeKind;

/// What the tables call them, and their size.
pub(crate) const SIZES: [(&str, usize); 4] = [
    ("64 kB", 64_000),
    ("1 MB", 1_000_000),
    ("10 MB", 10_000_000),
    ("100 MB", 100_000_000),
];
pub(crate) const CHUNKED: &str = "100 MB in chunks of 10 MB";
pub(crate) const CLIENTS: [usize; 2] = [1, 4];
const CHUNK_BYTES: usize = 10_000_000;

/// One kind of push.
#[derive(Clone)]
struct Pushing<'a> {
    content: &'a Content,
    size: usize,
    chunk_bytes: Option<usize>,
}

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    let contents = SIZES.map(|(_, size)| Content::new(size));
    let mut subjects = Vec::new();
    for clients in CLIENTS {
        let mut add = |what: &str, content, size, chunk_bytes| {
            let pushing = Pushing {
                content,
                size,
                chunk_bytes,
            };
            subjects.push(Asked {
                how: pushing,
                what: what.to_owned(),
                clients,
                writes_memory: !bench.quick && size > 5_000_000,
            });
        };
        for ((what, size), content) in SIZES.into_iter().zip(&contents) {
            add(what, content, size, None);
        }
        if let (Some((_, size)), Some(content)) = (SIZES.last(), contents.last()) {
            add(CHUNKED, content, *size, Some(CHUNK_BYTES));
        }
    }
    let kinds: Vec<Kind> = bench
        .kinds
        .iter()
        .copied()
        .filter(|kind| *kind != Kind::Nginx)
        .collect();
    // Fresh file systems in each round: what was pushed before fills no disk and slows nobody.
    for round in 1..=bench.rounds {
        say(&format!("pushes: round {round}"));
        let mut stands = Vec::new();
        for scheme in [Scheme::Http, Scheme::Https] {
            for kind in &kinds {
                let stand = bench.open(*kind, scheme, VolumeKind::Ext4, "")?;
                setup::make_project(&stand.server)?;
                stands.push(stand);
            }
        }
        turns(
            &stands,
            &subjects,
            figures,
            |stand, pushing, subject, figures| measure(bench, stand, pushing, subject, figures),
        );
    }
    Ok(())
}

fn measure(
    bench: &Bench,
    stand: &Stand,
    pushing: &Pushing<'_>,
    subject: &Subject,
    figures: &mut CaseFigures,
) -> Result<()> {
    let duration = if bench.quick {
        Duration::from_millis(50)
    } else {
        Duration::from_secs(1)
    };
    let server = &stand.server;
    let plan = Push {
        endpoint: &server.endpoint,
        authorization: setup::developer(server.kind),
        repository: REPOSITORY,
        clients: subject.clients,
        content: pushing.content,
        chunk_bytes: pushing.chunk_bytes,
        enough: &|elapsed| elapsed >= duration,
    };
    let pushed = push(&plan, || server.account.cpu())?;
    add_pushes(figures, stand, subject, pushed, pushing.size);
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below the 52 bits that are exact"
)]
fn add_pushes(
    figures: &mut CaseFigures,
    stand: &Stand,
    subject: &Subject,
    pushed: Pushed,
    size: usize,
) {
    let count = pushed.latencies.count() as f64;
    let bytes = count * megabytes(size as u64);
    let (wall, cpu) = (pushed.wall.as_secs_f64(), pushed.cpu.as_secs_f64());
    let [median, p99] = pushed.latencies.percentiles([0.5, 0.99]);
    for (quantity, value) in [
        (Quantity::PerSecond, count / wall),
        (Quantity::CpuPerThousand, cpu * 1e3 / count),
        (Quantity::MegabytesPerSecond, bytes / wall),
        (Quantity::CpuPerGigabyte, cpu * 1e3 / bytes),
        (Quantity::Median, median),
        (Quantity::P99, p99),
    ] {
        figures.add(subject, stand.server.kind, quantity, value);
    }
}
