//! `wharf build`, with the real binary: what is in the layers and the config, what is cached, what a second build comes to.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "the set-up of a test that fails ends it, and tables are as long as they are"
)]

mod bad_luck;
mod cache_mounts;
mod caching;
mod contexts;
mod continued;
mod copying;
mod corpus;
mod elsewhere;
mod errors;
mod fetched;
mod fixture;
mod images;
mod metadata;
mod network;
mod outputs;
mod peers;
mod questions;
mod reproducible;
mod run_settings;
mod running;
mod secrets;
mod shared_caches;
mod side_by_side;
mod unpacking;
