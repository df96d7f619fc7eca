//! A pull that is killed again and again: what is fetched and hashed twice?
//!
//! After each kill the store's own files say what is on disk: blobs that are complete, downloads, and layers as far as they
//! are unpacked. The next run must ask the registry for no byte that lies more than one piece before the end of a
//! download; and when it says what it has hashed (`layer taken` in its log), blob and tar must not have been hashed
//! again but for one piece each.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::bench::Bench;
use super::remains::Remains;
use crate::images::{ImageName, LayerNames, ensure_image, layer_names};
use crate::proxy::{Proxy, Request};
use crate::results::{CaseResults, Quantity};
use crate::terminal::say;
use crate::tools::{Operation, Session, Tool, User};
use crate::waiting::pause;

const IMAGE: ImageName = ImageName::Medium;
/// What may be lost of each layer by one kill.
const PIECE_BYTES: u64 = 8 << 20;

pub(super) fn run(bench: &Bench, results: &mut CaseResults) -> Result<()> {
    if !bench.tools.contains(&Tool::Wharf) {
        return Ok(());
    }
    bench.registry.ensure(&bench.sandbox, IMAGE)?;
    let proxy = Proxy::start(bench.registry.address())?;
    let reference = format!("{}/bench/{IMAGE}:latest", proxy.address());
    let mut trial = Trial::begin(bench, proxy, reference)?;
    let mut kills = 0;
    while kills < bench.kills {
        let session = bench.session(Tool::Wharf, User::Root)?;
        let outcome = trial.pull_with_kills(&session, bench.kills - kills);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                results.failures.push(format!("interrupted: {error:#}"));
                return Ok(());
            }
        };
        kills += outcome.kills;
        say(&format!("interrupted: {kills} of {} kills", bench.kills));
        record(results, &outcome);
    }
    Ok(())
}

/// What a run of Wharf says about one layer.
#[derive(Debug, Clone, Copy)]
struct Taken {
    blob_bytes_hashed: u64,
    tar_bytes_hashed: u64,
}

/// What all kills have in common.
struct Trial {
    proxy: Proxy,
    reference: String,
    layers: Vec<LayerNames>,
    /// By the hex of the blob: what an undisturbed pull hashes.
    whole: BTreeMap<String, Taken>,
    moments: Moments,
}

/// What one pull with kills in it cost.
#[derive(Debug, Default)]
struct Outcome {
    kills: usize,
    sent: u64,
    /// The most at one resume, of what was on disk before.
    most_fetched_again: u64,
    most_blob_hashed_again: u64,
    most_tar_hashed_again: u64,
}

impl Trial {
    /// Pulls once without kills, to know how long it takes and what it hashes.
    fn begin(bench: &Bench, proxy: Proxy, reference: String) -> Result<Self> {
        let layout = ensure_image(&bench.sandbox.cache, IMAGE)?;
        let session = bench.session(Tool::Wharf, User::Root)?;
        let mut trial = Self {
            proxy,
            reference,
            layers: layer_names(&layout)?,
            whole: BTreeMap::new(),
            moments: Moments::new(1.0),
        };
        let start = Instant::now();
        let (_, taken) = trial.pull(&session, None)?;
        trial.moments = Moments::new(start.elapsed().as_secs_f64());
        ensure!(
            taken.len() == trial.layers.len(),
            "an undisturbed pull reported {} layers of {}",
            taken.len(),
            trial.layers.len()
        );
        trial.whole = taken;
        Ok(trial)
    }

    /// Kills one pull up to `limit` times, then lets it finish.
    fn pull_with_kills(&mut self, session: &Session, limit: usize) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        self.proxy.take_requests();
        loop {
            let before = Remains::of(&session.root(), &self.layers)?;
            let moment = (outcome.kills < limit).then(|| self.moments.next());
            let (finished, taken) = self.pull(session, moment)?;
            let context = || format!("after {} kills", outcome.kills);
            let fetched =
                check_fetched(&before, &self.proxy.take_requests()).with_context(context)?;
            let (blob, tar) = self.check_hashed(&before, &taken).with_context(context)?;
            outcome.sent += fetched.sent;
            outcome.most_fetched_again = outcome.most_fetched_again.max(fetched.most_again);
            outcome.most_blob_hashed_again = outcome.most_blob_hashed_again.max(blob);
            outcome.most_tar_hashed_again = outcome.most_tar_hashed_again.max(tar);
            if finished {
                return Ok(outcome);
            }
            outcome.kills += 1;
        }
    }

    /// Pulls, and kills the pull after `moment`; answers whether it ended by itself, and what it said.
    fn pull(
        &self,
        session: &Session,
        moment: Option<Duration>,
    ) -> Result<(bool, BTreeMap<String, Taken>)> {
        let log = session.temporary().join("pull.log");
        let mut command = session
            .commands(Operation::PullLogged {
                reference: &self.reference,
            })
            .and_then(|mut steps| steps.pop())
            .context("there is no command that pulls")?;
        command.stdout(Stdio::null()).stderr(File::create(&log)?);
        let finished = run_until(&mut command, moment)
            .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok((finished, read_log(&log)?))
    }

    fn check_hashed(
        &self,
        before: &Remains,
        taken: &BTreeMap<String, Taken>,
    ) -> Result<(u64, u64)> {
        let mut most = (0, 0);
        for layer in &self.layers {
            let (Some(taken), Some(whole)) = (taken.get(&layer.blob), self.whole.get(&layer.blob))
            else {
                continue;
            };
            let blob = (taken.blob_bytes_hashed + before.blob_bytes(&layer.blob))
                .saturating_sub(whole.blob_bytes_hashed);
            let tar = (taken.tar_bytes_hashed + before.tar_bytes(&layer.diff))
                .saturating_sub(whole.tar_bytes_hashed);
            for (what, again) in [("blob", blob), ("tar", tar)] {
                ensure!(
                    again <= PIECE_BYTES,
                    "{again} bytes of the {what} of layer {} were hashed again",
                    layer.blob
                );
            }
            most = (most.0.max(blob), most.1.max(tar));
        }
        Ok(most)
    }
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

/// Starts `command` and kills it after `moment`; answers whether it had ended well before.
fn run_until(command: &mut Command, moment: Option<Duration>) -> Result<bool> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    if let Some(moment) = moment {
        while start.elapsed() < moment {
            if child.try_wait()?.is_some() {
                break;
            }
            pause(Duration::from_millis(1));
        }
        child.kill()?;
    }
    let status = child.wait()?;
    let killed = std::os::unix::process::ExitStatusExt::signal(&status).is_some();
    ensure!(killed || status.success(), "the pull failed: {status}");
    Ok(!killed)
}

/// The layers that a run says it has taken.
fn read_log(log: &std::path::Path) -> Result<BTreeMap<String, Taken>> {
    let mut taken = BTreeMap::new();
    for line in BufReader::new(File::open(log)?).lines() {
        // The last line of a killed run may be torn.
        let Ok(line) = serde_json::from_str::<Value>(&line?) else {
            continue;
        };
        let fields = &line["fields"];
        let (Some("layer taken"), Some(digest)) =
            (fields["message"].as_str(), fields["digest"].as_str())
        else {
            continue;
        };
        let number = |name: &str| fields[name].as_u64().unwrap_or_default();
        taken.insert(
            digest.replace("sha256:", ""),
            Taken {
                blob_bytes_hashed: number("bytes_hashed"),
                tar_bytes_hashed: number("tar_bytes_hashed"),
            },
        );
    }
    Ok(taken)
}

struct Fetched {
    sent: u64,
    most_again: u64,
}

fn check_fetched(before: &Remains, requests: &[Request]) -> Result<Fetched> {
    let mut fetched = Fetched {
        sent: 0,
        most_again: 0,
    };
    for request in requests.iter().filter(|request| request.method == "GET") {
        let Some((_, hex)) = request.path.split_once("/blobs/sha256:") else {
            continue;
        };
        fetched.sent += request.body_bytes;
        ensure!(
            !before.has_blob(hex) || request.body_bytes == 0,
            "the blob {hex} was fetched again although it was complete"
        );
        let held = before.blob_bytes(hex);
        let again = held.saturating_sub(request.range_start);
        ensure!(
            again <= PIECE_BYTES,
            "{held} bytes of the blob {hex} were on disk, and it was asked for from {} on",
            request.range_start
        );
        fetched.most_again = fetched.most_again.max(again);
    }
    Ok(fetched)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "sizes of blobs are far below the 52 bits that are exact"
)]
fn record(results: &mut CaseResults, outcome: &Outcome) {
    let mut add = |subject: &str, quantity, value: u64| {
        results.add(subject, Tool::Wharf, User::Root, quantity, value as f64);
    };
    add("kills in one pull", Quantity::Kills, outcome.kills as u64);
    add("sent by the registry in all", Quantity::Bytes, outcome.sent);
    for (subject, bytes) in [
        (
            "most fetched again of a layer at one resume",
            outcome.most_fetched_again,
        ),
        (
            "most of a blob hashed again at one resume",
            outcome.most_blob_hashed_again,
        ),
        (
            "most of a tar hashed again at one resume",
            outcome.most_tar_hashed_again,
        ),
    ] {
        add(subject, Quantity::Bytes, bytes);
    }
}
