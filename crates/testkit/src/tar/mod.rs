//! Tar archives of every kind, made by hand: what layer archives contain, and what they should not.

mod entry;
mod writer;

pub use entry::{Entry, EntryKind, LongNames};
pub use writer::TarBuilder;
