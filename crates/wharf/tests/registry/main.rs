//! `wharf registry serve`, the real binary: killed again and again, and used by every client there is.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

mod clients;
mod kills;
mod ledger;
mod logs;
mod nodes;
mod walk;
