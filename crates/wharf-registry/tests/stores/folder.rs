//! What a test's server keeps its data in: SQLite and a folder.

use std::path::Path;

use wharf_registry::Clock;
use wharf_registry::db::Database;
use wharf_registry::storage::{LocalStorage, RegistryStorage};

/// Opens both in a folder.
pub(crate) fn open(folder: &Path, clock: &Clock) -> (Database, RegistryStorage) {
    let db = Database::open_sqlite(&folder.join("registry.db"), clock).expect("a database");
    let storage = LocalStorage::open(&folder.join("storage")).expect("storage");
    (db, RegistryStorage::Local(storage))
}
