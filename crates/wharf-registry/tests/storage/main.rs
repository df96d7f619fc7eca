//! Storage, in a folder and in a real S3 server.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests run a runtime of their own, and end where something is not as it should be"
)]

mod contract;
mod faults;
mod garbage;
mod serving;
mod stores;
