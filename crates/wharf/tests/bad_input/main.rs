//! What the real binary makes of bad input: registries that lie, layers that are traps, disks that fail, processes that are
//! killed.
//!
//! Whatever happens, it ends with 1 and a text that names the thing and the cause; nothing half-done can be seen; and the
//! next good pull works. What the registry client alone decides is tested in its own crate.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

mod archives;
mod fixture;
mod images;
mod local;
mod processes;
mod pushes;
mod registries;
