//! A pull that is killed again and again: what is fetched and hashed twice?
//!
//! After each kill the store's own files say what was verified and is on disk: a blob that is complete, or a download with
//! a checkpoint. The next run must not ask the registry for a byte before that checkpoint, and the checkpoint must not lie
//! further back than one piece.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::bench::Bench;
use crate::images::ImageName;
use crate::proxy::{Proxy, Request};
use crate::results::{CaseResults, Quantity};
use crate::terminal::say;
use crate::tools::{Operation, Session, Tool, User};
use crate::waiting::pause;

/// What may be lost of each layer by one kill.
const PIECE_BYTES: u64 = 8 << 20;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    if !bench.tools.contains(&Tool::Wharf) {
        return Ok(());
    }
    let image = ImageName::Medium;
    bench.registry.ensure(&bench.sandbox, image)?;
    let proxy = Proxy::start(bench.registry.address())?;
    let reference = format!("{}/bench/{image}:latest", proxy.address());
    let operation = Operation::Pull {
        reference: &reference,
    };
    let whole = uninterrupted(bench, operation)?;
    let mut moments = Moments::new(whole);
    let mut kills = 0;
    while kills < bench.kills {
        let session = bench.session(Tool::Wharf, User::Root)?;
        proxy.take_requests();
        let outcome = pull_with_kills(
            &session,
            operation,
            &proxy,
            &mut moments,
            bench.kills - kills,
        )?;
        kills += outcome.kills;
        say(&format!("interrupted: {kills} of {} kills", bench.kills));
        record(results, &outcome);
    }
    Ok(())
}

/// The seconds of a pull that nobody disturbs.
fn uninterrupted(bench: &Bench, operation: Operation<'_>) -> Result<f64> {
    let session = bench.session(Tool::Wharf, User::Root)?;
    session.time_last_step(operation)
}

/// Random moments within a pull, the same in every run of the bench.
struct Moments {
    whole_seconds: f64,
    state: u64,
}

impl Moments {
    fn new(whole_seconds: f64) -> Self {
        Self {
            whole_seconds,
            state: 0x2545_f491_4f6c_dd1d,
        }
    }

    fn next(&mut self) -> Duration {
        // Xorshift: the moments need no better randomness.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let share =
            f64::from(u32::try_from(self.state >> 32).unwrap_or_default()) / f64::from(u32::MAX);
        Duration::from_secs_f64(self.whole_seconds * share)
    }
}

struct Outcome {
    kills: usize,
    /// The bytes that the registry sent of each blob, over all runs.
    sent: BTreeMap<String, u64>,
    /// The most that one resumed request asked for again of what was on disk.
    most_again: u64,
}

/// Kills one pull up to `limit` times, then lets it finish.
fn pull_with_kills(
    session: &Session,
    operation: Operation<'_>,
    proxy: &Proxy,
    moments: &mut Moments,
    limit: usize,
) -> Result<Outcome> {
    let mut outcome = Outcome {
        kills: 0,
        sent: BTreeMap::new(),
        most_again: 0,
    };
    loop {
        let before = on_disk(&session.root())?;
        let Some(mut command) = session
            .commands(operation)
            .and_then(|mut steps| steps.pop())
        else {
            bail!("there is no command that pulls");
        };
        let finished = if outcome.kills < limit {
            run_until(&mut command, moments.next())?
        } else {
            crate::accounting::run(&mut command)?;
            true
        };
        check(&before, &proxy.take_requests(), &mut outcome)?;
        if finished {
            return Ok(outcome);
        }
        outcome.kills += 1;
    }
}

/// Starts `command` and kills it after `moment`; answers whether it had ended well before.
fn run_until(command: &mut Command, moment: Duration) -> Result<bool> {
    let start = Instant::now();
    let mut child: Child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    while start.elapsed() < moment {
        if let Some(status) = child.try_wait()? {
            ensure!(status.success(), "a resumed pull failed: {status}");
            return Ok(true);
        }
        pause(Duration::from_millis(1));
    }
    child.kill()?;
    let status = child.wait()?;
    Ok(status.success())
}

/// By the hex of its digest: how much of each blob is on disk; `u64::MAX` is all of it.
fn on_disk(root: &Path) -> Result<BTreeMap<String, u64>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root.join("ingest")).into_iter().flatten() {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let length = fs::metadata(entry.path().join("data")).map_or(0, |data| data.len());
        if let Some(hex) = name.strip_prefix("sha256-") {
            found.insert(hex.to_owned(), length);
        }
    }
    for entry in fs::read_dir(root.join("blobs/sha256"))
        .into_iter()
        .flatten()
    {
        found.insert(entry?.file_name().to_string_lossy().into_owned(), u64::MAX);
    }
    Ok(found)
}

fn check(
    before: &BTreeMap<String, u64>,
    requests: &[Request],
    outcome: &mut Outcome,
) -> Result<()> {
    for request in requests.iter().filter(|request| request.method == "GET") {
        let Some((_, hex)) = request.path.split_once("/blobs/sha256:") else {
            continue;
        };
        *outcome.sent.entry(hex.to_owned()).or_default() += request.body_bytes;
        let Some(held) = before.get(hex) else {
            continue;
        };
        ensure!(
            *held != u64::MAX,
            "the blob {hex} was fetched again although it was complete"
        );
        let again = held.saturating_sub(request.range_start);
        ensure!(
            again <= PIECE_BYTES,
            "{held} bytes of the blob {hex} were on disk, and it was asked for from {} on",
            request.range_start
        );
        outcome.most_again = outcome.most_again.max(again);
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of blobs are far below the 52 bits that are exact"
)]
fn record(results: &mut CaseResults, outcome: &Outcome) {
    let mut add = |subject: &str, quantity, value: f64| {
        results.add(subject, Tool::Wharf, User::Root, quantity, value);
    };
    add("kills in one pull", Quantity::Kills, outcome.kills as f64);
    add(
        "most fetched again at one resume",
        Quantity::Bytes,
        outcome.most_again as f64,
    );
    let sent: u64 = outcome.sent.values().sum();
    add("sent by the registry in all", Quantity::Bytes, sent as f64);
}
