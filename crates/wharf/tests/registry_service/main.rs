//! `wharf registry` as a service: the real binary, its configuration, its ends and its new beginnings.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

mod backups;
mod builds;
mod configuration;
mod fixture;
mod mistakes;
mod observation;
mod pulls;
mod restarts;
mod tls;
mod tls_clients;
mod traces;
