//! `system check`: is everything still as it was, and if not, can it be made so again?
//!
//! - `problem.rs`: what can be wrong, in words;
//! - `run.rs`: the walk over blobs, layers, images and names;
//! - `compare.rs`: two trees, entry by entry;
//! - `images.rs`: records against the documents they were made from;
//! - `rebuild.rs`: a new database from what is on disk.

mod compare;
mod images;
mod problem;
mod rebuild;
mod run;

pub use compare::{DifferenceKind, TreeDifference};
pub use problem::{CheckEvent, CheckReport, FoundProblem, Problem};
pub use run::{CheckError, CheckOptions};
