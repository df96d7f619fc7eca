//! Builds.
//!
//! - [`dockerfile`]: the language: bytes to instructions with their places, substitution. Pure.
//! - [`check`]: what BuildKit's build checks say about a Dockerfile.
//!
//! Nothing is built yet: `docs/decisions/0009-builds.md` says what comes.

pub mod builder;
pub mod check;
pub mod copy;
pub mod dockerfile;
pub mod ignore;
pub mod plan;
pub mod tree;
