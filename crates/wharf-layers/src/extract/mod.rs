//! Unpacks an archive into a folder that is in use: what `cp` does. Nothing in the archive means that something is gone.
//!
//! - `unpack.rs` reads the archive and decides what happens to each entry;
//! - `place.rs` finds the folder of an entry, in a file tree that somebody else may change meanwhile;
//! - `attributes.rs` sets owners, modes, times and extended attributes.

mod attributes;
mod place;
mod unpack;

pub use attributes::Ownership;
pub use place::ExtractPlace;
pub use unpack::{ExtractError, ExtractOptions, extract_archive};
