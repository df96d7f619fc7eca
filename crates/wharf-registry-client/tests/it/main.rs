//! The client against a real registry and against hostile ones, over real sockets on loopback.

mod docker_registry;
mod hostile_blobs;
mod hostile_manifests;
mod hostile_server;
mod hostile_uploads;
mod real;
mod tls;
mod tokens;
