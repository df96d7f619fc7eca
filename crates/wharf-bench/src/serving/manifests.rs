//! Manifests by tag and by digest, GET and HEAD.

use anyhow::{Context as _, Result};

use super::bench::{Asked, Bench, Stand};
use super::content::{Corpus, MANIFEST, REPOSITORY};
use super::figures::{CaseFigures, Quantity, Subject};
use super::setup;
use crate::load::{Fetch, Fetched, fetch};

/// What the tables call it: method and kind of reference.
pub(crate) const SUBJECTS: [&str; 4] = [
    "GET by tag",
    "GET by digest",
    "HEAD by tag",
    "HEAD by digest",
];
pub(crate) const CLIENTS: [usize; 3] = [1, 16, 64];

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    let corpus = Corpus::new(100, 16, 4096);
    let stands = bench.open_filled(&corpus)?;
    let mut subjects = Vec::new();
    for what in SUBJECTS {
        for clients in CLIENTS {
            subjects.push(Asked {
                how: what,
                what: what.to_owned(),
                clients,
                writes_memory: false,
            });
        }
    }
    bench.rounds(
        &stands,
        &subjects,
        figures,
        |stand, what, subject, figures| {
            let (method, reference) = what.split_once(" by ").context("method and reference")?;
            let targets: Vec<String> = corpus
                .manifests
                .iter()
                .map(|(tag, manifest)| {
                    let reference = if reference == "tag" {
                        tag
                    } else {
                        &manifest.digest
                    };
                    format!("/v2/{REPOSITORY}/manifests/{reference}")
                })
                .collect();
            let fetched = ask(bench, stand, method, &targets, subject.clients)?;
            add_rates(figures, stand, subject, fetched);
            Ok(())
        },
    );
    Ok(())
}

/// Asks for `targets` in turns, showing the rights that the server wants to see with each request.
pub(super) fn ask(
    bench: &Bench,
    stand: &Stand,
    method: &str,
    targets: &[String],
    clients: usize,
) -> Result<Fetched> {
    let server = &stand.server;
    let rights = setup::token(server)?
        .map_or_else(String::new, |token| format!("Authorization: {token}\r\n"));
    let requests: Vec<Vec<u8>> = targets
        .iter()
        .map(|target| {
            format!(
                "{method} {target} HTTP/1.1\r\nHost: {}\r\nAccept: {MANIFEST}\r\n{rights}\r\n",
                server.endpoint.address
            )
            .into_bytes()
        })
        .collect();
    let (warm_up, duration) = bench.durations();
    let plan = Fetch {
        endpoint: &server.endpoint,
        connections: clients,
        requests: &requests,
        heads: method == "HEAD",
        warm_up,
        duration,
    };
    fetch(&plan, || server.account.cpu())
}

/// Adds what is said of many small requests.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts are far below the 52 bits that are exact"
)]
pub(super) fn add_rates(
    figures: &mut CaseFigures,
    stand: &Stand,
    subject: &Subject,
    fetched: Fetched,
) {
    let count = fetched.latencies.count() as f64;
    let [median, p99] = fetched.latencies.percentiles([0.5, 0.99]);
    for (quantity, value) in [
        (Quantity::PerSecond, count / fetched.wall.as_secs_f64()),
        (
            Quantity::CpuPerThousand,
            fetched.cpu.as_secs_f64() * 1e3 / count,
        ),
        (Quantity::Median, median),
        (Quantity::P99, p99),
    ] {
        figures.add(subject, stand.server.kind, quantity, value);
    }
}
