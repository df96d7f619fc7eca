//! Backups: a registry's truth and bytes in a folder, from which either kind of database and storage is made again.

mod create;
mod error;
mod layout;
mod restore;

pub use create::back_up;
pub use error::BackupError;
pub use layout::BackupSummary;
pub use restore::{read_summary, restore};
