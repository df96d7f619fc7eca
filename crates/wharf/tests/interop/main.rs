//! The real `wharf` beside the real peers: what one makes the other must read, and the same files must come out.
//!
//! - [`makers`]: images of dockerd, buildah, podman, skopeo and umoci, pulled, loaded, mounted and pushed on.
//! - [`saved`]: archives that Wharf writes, loaded by the others.
//! - [`pushed`]: manifests that Wharf makes, pulled by the others.
//! - [`trees`]: the files of a mounted image beside those of umoci and dockerd, entry by entry.
//! - [`ordinary_user`]: the same without being root.
//!
//! A peer that is not installed is skipped aloud. Everything is on loopback and in temporary folders.

#![expect(
    clippy::unwrap_used,
    reason = "a test's set-up that fails ends the test"
)]

mod fixture;
mod makers;
mod ordinary_user;
mod pushed;
mod saved;
mod trees;
