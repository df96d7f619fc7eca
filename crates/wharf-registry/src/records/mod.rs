//! What storage is told beside the bytes, and what that is good for: the database can be checked against storage, and made
//! anew from it.

mod check;
mod document;
mod rebuild;
mod writer;

pub use check::{CheckReport, CheckWish, Finding};
pub use rebuild::RebuildReport;
