//! The client against a real registry and against hostile ones, over real sockets on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "tests may panic, write files, run a runtime and say what they skip"
)]

mod docker_registry;
mod hostile_blobs;
mod hostile_manifests;
mod hostile_server;
mod hostile_uploads;
mod real;
mod tls;
mod tokens;
