//! The tests of `http/` once more, on PostgreSQL and S3: all but those about disks and slow connections, which the stores are
//! nothing to.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    reason = "a test that panics has failed"
)]

#[path = "http/clocks.rs"]
mod clocks;
#[path = "http/heads.rs"]
mod heads;
#[path = "http/listings.rs"]
mod listings;
#[path = "http/manifests.rs"]
mod manifests;
#[path = "http/nul.rs"]
mod nul;
#[path = "http/protocol.rs"]
mod protocol;
#[path = "http/server.rs"]
mod server;
#[path = "stores/shared.rs"]
mod store;
#[path = "http/tokens.rs"]
mod tokens;
#[path = "http/uploads.rs"]
mod uploads;
#[path = "http/wire.rs"]
mod wire;
