//! What can go wrong with backups.

use std::io;
use std::path::PathBuf;

use wharf_oci::Digest;

use crate::db::SqlError;
use crate::storage::{FinishError, StorageError};

/// Why a backup cannot be made or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is something where the backup is to be.
    #[error("{} is not empty; give a folder that is, or that is not there yet", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the backup cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder holds no finished backup.
    #[error("{} is no finished backup ({reason}); give the folder that `wharf registry backup` wrote", path.display())]
    NoBackup {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// It was made by a newer Wharf.
    #[error("the backup {} is of {found}, and this Wharf reads {known}; use a newer Wharf", path.display())]
    Newer {
        /// The folder.
        path: PathBuf,
        /// What it is.
        found: String,
        /// What can be read.
        known: String,
    },
    /// A file of the backup is not as it was written.
    #[error("the backup is damaged: {} {reason}; use another backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Storage lost a blob that the database names, or the collector was quicker again and again.
    #[error(
        "blob {digest} is in the database and not in storage; run `wharf registry fsck`, and make the backup then"
    )]
    BlobMissing {
        /// The blob.
        digest: Digest,
    },
    /// There are blobs where nothing should be.
    #[error("the storage is not empty; restore into one that is")]
    StorageOccupied,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SqlError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Storage did not take a blob.
    #[error(transparent)]
    Finish(#[from] FinishError),
}
