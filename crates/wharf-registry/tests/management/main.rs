//! The management API over HTTP: a server of its own on a free port for each test.

mod accounts;
mod artifacts;
mod matrix;
mod projects;
mod robots;
mod server;
mod sessions;
#[path = "../stores/folder.rs"]
mod store;
mod world;
