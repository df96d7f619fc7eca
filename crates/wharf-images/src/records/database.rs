//! The database file: opening, transactions, and what can go wrong with it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::schema;

/// How long one process waits for another's transaction. Ours are short; only a stopped process
/// (`kill -STOP`) or a very slow disk comes near it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// `SQLITE_IOERR_SHMSIZE`: the file that all processes map cannot grow, which is how a full disk is met first.
const IOERR_SHMSIZE: i32 = 19 * 256 + 10;

/// The records of one store, shared by threads and by processes.
#[derive(Debug)]
pub(crate) struct Database {
    connection: Mutex<Connection>,
}

/// One transaction.
#[derive(Debug)]
pub(crate) struct Session<'c>(pub(super) Transaction<'c>);

/// What a transaction must survive once it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Loss of power.
    Durable,
    /// The death of the process only: for leases and the like, which mean nothing after a reboot.
    Volatile,
}

/// Why the records could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// Another process holds the database.
    #[error("the image store's database is in use by another process: try again in a moment")]
    Busy(#[source] rusqlite::Error),
    /// The disk is full.
    #[error("no space is left for the image store's database: free some space and try again")]
    Full(#[source] rusqlite::Error),
    /// It cannot be written.
    #[error(
        "the image store cannot be written: it is on a read-only file system, or belongs to another user"
    )]
    ReadOnly(#[source] rusqlite::Error),
    /// Not a database, or damaged.
    #[error(
        "the image store's database is damaged: run `wharf system check --repair`, which rebuilds it from the stored images"
    )]
    Corrupt(#[source] rusqlite::Error),
    /// Written by a later version.
    #[error(
        "the image store's database has version {found}, this program knows versions up to {known}: use a newer wharf"
    )]
    Newer {
        /// The version on disk.
        found: i64,
        /// The version known here.
        known: i64,
    },
    /// The file cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The database file.
        path: PathBuf,
        /// The cause.
        source: rusqlite::Error,
    },
    /// Anything else that SQLite says.
    #[error("the image store's database failed: {0}")]
    Other(#[source] rusqlite::Error),
}

impl RecordsError {
    /// Whether only rebuilding the database can help.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Corrupt(_))
    }
}

impl From<rusqlite::Error> for RecordsError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match &error {
            E::FromSqlConversionFailure(..) | E::InvalidColumnType(..) => Self::Corrupt(error),
            // A table that is not there, in a database whose version says that it is.
            E::SqliteFailure(_, Some(text)) if text.starts_with("no such ") => Self::Corrupt(error),
            E::SqliteFailure(failure, _) if failure.extended_code == IOERR_SHMSIZE => {
                Self::Full(error)
            }
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(error),
                Some(ErrorCode::DiskFull) => Self::Full(error),
                Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(error),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(error),
                _ => Self::Other(error),
            },
        }
    }
}

impl Database {
    /// Opens the database at `path`, makes it if it is not there, and migrates an older one.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordsError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = connect(path, flags)?;
        if version(&connection)? != schema::CURRENT_VERSION {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            let session = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Read again: another process may have migrated while we waited.
            let found = checked_version(&session)?;
            if found < schema::CURRENT_VERSION {
                schema::migrate(&session, found)?;
            }
            session.commit()?;
        }
        Ok(Self::from(connection))
    }

    /// Opens the database at `path` for reading only, also where nothing at all can be written.
    pub(crate) fn open_read_only(path: &Path) -> Result<Self, RecordsError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect(path, flags)?;
        let found = match checked_version(&connection) {
            // Without its two side files a WAL database can be read only if SQLite may make them,
            // or is promised that nobody writes: as on a read-only disk.
            Err(RecordsError::ReadOnly(_) | RecordsError::Other(_)) if wal_is_empty(path) => {
                let connection = connect_immutable(path, flags)?;
                checked_version(&connection)?;
                return Ok(Self::from(connection));
            }
            other => other?,
        };
        if found < schema::CURRENT_VERSION {
            // An older database is migrated by the first command that may write.
            drop(connection);
            return Self::open(path);
        }
        Ok(Self::from(connection))
    }

    /// Runs `work` on one state of the records, whatever others write meanwhile.
    pub(crate) fn read<T, E: From<RecordsError>>(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction().map_err(RecordsError::from)?;
        work(&Session(transaction))
    }

    /// Runs `work` while no other process can write, and commits. Nothing is changed if it fails.
    pub(crate) fn write<T, E: From<RecordsError>>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Session<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let level = match durability {
            Durability::Durable => "FULL",
            Durability::Volatile => "NORMAL",
        };
        connection
            .pragma_update(None, "synchronous", level)
            .map_err(RecordsError::from)?;
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(RecordsError::from)?;
        let session = Session(transaction);
        let outcome = work(&session)?;
        session.0.commit().map_err(RecordsError::from)?;
        Ok(outcome)
    }

    /// What SQLite finds wrong with the file; empty if nothing.
    pub(crate) fn integrity_problems(&self) -> Result<Vec<String>, RecordsError> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut statement = connection.prepare("PRAGMA quick_check(20)")?;
        let lines = statement
            .query_map([], |row| row.get::<_, String>(0))?
            .collect::<Result<Vec<_>, _>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }
}

impl From<Connection> for Database {
    fn from(connection: Connection) -> Self {
        Self {
            connection: Mutex::new(connection),
        }
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, RecordsError> {
    let connection =
        Connection::open_with_flags(path, flags).map_err(|source| RecordsError::Open {
            path: path.to_path_buf(),
            source,
        })?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn connect_immutable(path: &Path, flags: OpenFlags) -> Result<Connection, RecordsError> {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri.push_str("?immutable=1");
    connect(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI)
}

// What stands in the write-ahead log is not yet in the database itself.
fn wal_is_empty(path: &Path) -> bool {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map_or(true, |metadata| metadata.len() == 0)
}

fn checked_version(connection: &Connection) -> Result<i64, RecordsError> {
    let found = version(connection)?;
    if found > schema::CURRENT_VERSION {
        return Err(RecordsError::Newer {
            found,
            known: schema::CURRENT_VERSION,
        });
    }
    Ok(found)
}

fn version(connection: &Connection) -> Result<i64, RecordsError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}
