//! Asks servers for things as fast as they answer, and says how long each answer took.
//!
//! All of it runs in threads of this program, outside of every server's accounting group: what it costs is in nobody's
//! CPU time. It does take part in the machine's cores, so that rates say less than rates for each second of a server's CPU.

mod client;
mod endpoint;
mod fetch;
mod head;
mod latencies;
mod push;

pub(crate) use client::{Client, finish};
pub(crate) use endpoint::{Endpoint, trusting};
pub(crate) use fetch::{Fetch, Fetched, fetch};
pub(crate) use latencies::Latencies;
pub(crate) use push::{Content, Push, Pushed, digest_text, push};
