//! Pushes while garbage is collected, and without.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::bench::{Bench, Stand};
use super::content::REPOSITORY;
use super::figures::{CaseFigures, Quantity, Scheme, Subject};
use super::server::Kind;
use super::setup;
use crate::load::{Client, Content, Latencies, Push, push};
use crate::terminal::say;
use crate::volume::VolumeKind;
use crate::waiting::pause;

pub(crate) const WITHOUT: &str = "64 kB, nothing is collected";
pub(crate) const MEANWHILE: &str = "64 kB while garbage is collected";
pub(crate) const CLIENTS: usize = 4;

/// What nobody refers to can be collected at once; the collector rests until it is asked.
const SETTINGS: &str = "[garbage]\ngrace = \"1s\"\ninterval = \"1h\"\n";
const GRACE: Duration = Duration::from_secs(1);
const FILLING_CLIENTS: usize = 16;
const COLLECTION_LIMIT: Duration = Duration::from_mins(1);
const RUNS: &str = "/api/v2.0/system/gc/schedule";

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    if !bench.kinds.contains(&Kind::Wharf) {
        return Ok(());
    }
    let garbage = if bench.quick { 200 } else { 6_000 };
    let (small, content) = (Content::new(4_000), Content::new(64_000));
    for round in 1..=bench.rounds {
        let stand = bench.open(Kind::Wharf, Scheme::Http, VolumeKind::Ext4, SETTINGS)?;
        setup::make_project(&stand.server)?;
        let left = std::sync::atomic::AtomicI64::new(garbage);
        let begin = Instant::now();
        push_on(&stand, &small, FILLING_CLIENTS, &|_| {
            left.fetch_sub(1, Ordering::Relaxed) <= 0
        })?;
        let filled = begin.elapsed().as_secs_f64();
        say(&format!(
            "garbage: round {round}: {garbage} blobs that nobody refers to, pushed in {filled:.0} s"
        ));
        let quiet = if bench.quick { 100 } else { 1000 };
        let quiet = Duration::from_millis(quiet);
        // As much before as after, so that it does not matter that the file system fills.
        let mut without = push_on(&stand, &content, CLIENTS, &|elapsed| elapsed >= quiet)?;
        pause(GRACE + Duration::from_millis(200));
        let (meanwhile, took) = push_while_collecting(&stand, &content)?;
        say(&format!("  collected in {:.1} s", took.as_secs_f64()));
        without.append(push_on(&stand, &content, CLIENTS, &|elapsed| {
            elapsed >= quiet
        })?);
        for (what, latencies) in [(WITHOUT, without), (MEANWHILE, meanwhile)] {
            let subject = Subject::new(what, Scheme::Http, CLIENTS);
            let [median, p99] = latencies.percentiles([0.5, 0.99]);
            figures.add(&subject, Kind::Wharf, Quantity::Median, median);
            figures.add(&subject, Kind::Wharf, Quantity::P99, p99);
        }
        stand.note_memory(figures);
    }
    Ok(())
}

fn push_on(
    stand: &Stand,
    content: &Content,
    clients: usize,
    enough: &(dyn Fn(Duration) -> bool + Sync),
) -> Result<Latencies> {
    let server = &stand.server;
    let plan = Push {
        endpoint: &server.endpoint,
        authorization: setup::developer(server.kind),
        repository: REPOSITORY,
        clients,
        content,
        chunk_bytes: None,
        enough,
    };
    Ok(push(&plan, || server.account.cpu())?.latencies)
}

/// Starts a round of the collector and pushes until it is over. Answers how long it took, too.
fn push_while_collecting(stand: &Stand, content: &Content) -> Result<(Latencies, Duration)> {
    let (server, over) = (&stand.server, AtomicBool::new(false));
    let administrator = setup::administrator(server.kind);
    let mut client = Client::connect(&server.endpoint, administrator)?;
    thread::scope(|scope| {
        let pushing =
            scope.spawn(|| push_on(stand, content, CLIENTS, &|_| over.load(Ordering::Relaxed)));
        let begin = Instant::now();
        let collected = collect(&mut client);
        over.store(true, Ordering::Relaxed);
        let latencies = pushing.join();
        collected?;
        let latencies = latencies.map_err(|_panicked| anyhow::anyhow!("a client panicked"))??;
        Ok((latencies, begin.elapsed()))
    })
}

fn collect(client: &mut Client) -> Result<()> {
    let headers = "Content-Type: application/json\r\n";
    let wish = br#"{"schedule":{"type":"Manual"}}"#;
    let started = client.expect(201, "POST", RUNS, headers, &[wish])?;
    let run = started.header("location").context("which round is it?")?;
    let begin = Instant::now();
    loop {
        let answer = client.expect(200, "GET", run, "", &[])?;
        let run: serde_json::Value = serde_json::from_slice(&answer.body)?;
        match run["job_status"].as_str() {
            Some("Success") => return Ok(()),
            Some("Error") => bail!("the collection failed: {}", run["job_result"]),
            _ if begin.elapsed() > COLLECTION_LIMIT => bail!("the collection takes too long"),
            _ => pause(Duration::from_millis(20)),
        }
    }
}
