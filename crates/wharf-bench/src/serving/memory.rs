//! Memory of a server that was just started and holds nothing, and how soon it is ready.

use std::time::Duration;

use anyhow::Result;

use super::bench::{Bench, megabytes};
use super::figures::{CaseFigures, Quantity, Scheme, Subject};
use crate::terminal::say;
use crate::volume::VolumeKind;
use crate::waiting::pause;

pub(crate) const IDLE: &str = "idle, empty";
/// What a server does at its start is over by then.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &Bench, figures: &mut CaseFigures) -> Result<()> {
    for round in 1..=bench.rounds {
        for scheme in [Scheme::Http, Scheme::Https] {
            for kind in &bench.kinds {
                say(&format!("memory: round {round}: {kind} over {scheme}"));
                let stand = bench.open(*kind, scheme, VolumeKind::Tmpfs, "")?;
                // The first start makes keys and the first account: it is the second that counts.
                let stand = stand.restart(bench, "")?;
                pause(SETTLED_AFTER);
                let (now, _) = stand.server.account.resident_bytes();
                let subject = Subject::new(IDLE, scheme, 0);
                figures.add(&subject, *kind, Quantity::Megabytes, megabytes(now));
                let ready = stand.server.ready_after.as_secs_f64() * 1e3;
                figures.add(&subject, *kind, Quantity::Milliseconds, ready);
            }
        }
    }
    Ok(())
}
