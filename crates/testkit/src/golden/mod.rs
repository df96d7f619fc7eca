//! What the real docker CLI printed, and whether Wharf prints the same.
//!
//! A *scenario* is a text file: which images a fresh registry and a fresh folder hold, then commands. It is run twice, by the
//! same code: once with `docker` and a daemon, to record a *transcript*, and in every test with `wharf`. What may differ from
//! run to run is replaced by the rules of `normalize.rs`, in both. What Wharf prints otherwise on purpose stands in
//! `differences.txt`, command by command, with the reason.
//!
//! ```text
//! crates/wharf/tests/golden/differences.txt            what Wharf prints instead of Docker, and why
//! crates/wharf/tests/golden/<scenario>/scenario.txt    images and commands
//! crates/wharf/tests/golden/<scenario>/recorded.txt    what docker printed
//! ```

mod compare;
mod fixtures;
mod normalize;
mod record;
mod run;
mod scenario;
mod transcript;

pub use compare::{Differences, check_scenario};
pub use record::record_scenario;
pub use run::{Program, run_scenario};
pub use scenario::{Scenario, ScenarioError, Step};
pub use transcript::{Transcript, TranscriptEntry, TranscriptError};
