//! Blobs: large ones, where bytes count, and small ones, where requests do.

use anyhow::Result;

use super::bench::{Asked, Bench, megabytes};
use super::content::{Corpus, REPOSITORY};
use super::figures::{CaseFigures, Quantity};
use super::manifests::{add_rates, ask};

pub(crate) const LARGE: &str = "200 MB";
pub(crate) const LARGE_CLIENTS: [usize; 3] = [1, 4, 16];
pub(crate) const SMALL: &str = "4 kB";
pub(crate) const SMALL_CLIENTS: [usize; 3] = [1, 16, 64];

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    let corpus = Corpus::new(1, 100, 200_000_000);
    let stands = bench.open_filled(&corpus)?;
    let target = |digest: &str| format!("/v2/{REPOSITORY}/blobs/{digest}");
    let large = vec![target(&corpus.large.digest)];
    let small: Vec<String> = corpus
        .small
        .iter()
        .map(|blob| target(&blob.digest))
        .collect();
    let large_subjects = LARGE_CLIENTS.map(|clients| Asked {
        how: &large,
        what: LARGE.to_owned(),
        clients,
        writes_memory: !bench.quick,
    });
    let small_subjects = SMALL_CLIENTS.map(|clients| Asked {
        how: &small,
        what: SMALL.to_owned(),
        clients,
        writes_memory: false,
    });
    let subjects: Vec<_> = large_subjects.into_iter().chain(small_subjects).collect();
    bench.rounds(
        &stands,
        &subjects,
        figures,
        |stand, targets, subject, figures| {
            let fetched = ask(bench, stand, "GET", targets, subject.clients)?;
            if subject.what == SMALL {
                add_rates(figures, stand, subject, fetched);
                return Ok(());
            }
            let bytes = megabytes(fetched.bytes);
            let kind = stand.server.kind;
            let rate = bytes / fetched.wall.as_secs_f64();
            figures.add(subject, kind, Quantity::MegabytesPerSecond, rate);
            let cpu = fetched.cpu.as_secs_f64() * 1e3 / bytes;
            figures.add(subject, kind, Quantity::CpuPerGigabyte, cpu);
            Ok(())
        },
    );
    Ok(())
}
