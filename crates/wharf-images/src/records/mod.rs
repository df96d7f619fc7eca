//! The records of the store: everything that is SQL.
//!
//! A [`Session`] is one transaction; each file beside this one gives it the questions and changes
//! about one kind of record. Nothing here touches blobs or layers on disk.

mod builds;
mod columns;
mod contents;
mod database;
mod images;
mod layers;
mod leases;
mod lists;
mod mounts;
mod names;
mod origins;
mod schema;
mod users;

pub use database::RecordsError;
pub(crate) use database::{Database, Durability, Session};
pub(crate) use images::{ImageRow, NewImage};
pub(crate) use mounts::MountRow;
