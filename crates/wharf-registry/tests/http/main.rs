//! The registry over HTTP: what the distribution specification asks of it, clause by clause (`protocol`, see
//! docs/conformance.md), and clients that keep to no rule.
//!
//! Whatever comes, the answer is the specification's error, and the next request is served. Never a 500, a panic or a hang.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that panics has failed"
)]

mod clocks;
mod disk;
mod heads;
mod listings;
mod manifests;
mod many_tags;
mod nul;
mod protocol;
mod server;
mod slow;
mod stop;
#[path = "../stores/folder.rs"]
mod store;
mod tokens;
mod uploads;
mod wire;
