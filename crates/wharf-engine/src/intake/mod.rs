//! Taking layers in: from a stream of bytes to a verified blob and an unpacked tree.
//!
//! - `layer.rs`: one layer, in one pass or from where an earlier attempt stopped;
//! - `incoming.rs`: the bytes of its blob, written and hashed as they pass;
//! - `pipe.rs`: the queue between inflating and unpacking;
//! - `saved_checkpoint.rs`: how far an attempt came.

mod incoming;
mod layer;
mod pipe;
mod saved_checkpoint;
#[cfg(test)]
mod tests;

pub(crate) use incoming::BlobFeed;
pub(crate) use layer::{IntakeFailure, LayerIntake};
