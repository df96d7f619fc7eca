//! Red Hat's packages: a header for each, in one of three databases that rpm has had.
//!
//! The readers are our own, of the little that is needed: an image's database is a file that anybody may have written, and a whole
//! database engine is too much to let loose upon it. Nothing is followed further than the file is long.

mod berkeley;
mod database;
mod header;
mod ndb;
mod sqlite;

pub use database::{RpmError, rpm_packages};

use database::{HEADER_LIMIT_BYTES, Take};

#[cfg(test)]
mod tests;
