//! The registry itself: what its rooms share.

use std::sync::Arc;

use crate::clock::Clock;
use crate::db::Database;
use crate::settings::Settings;
use crate::storage::RegistryStorage;

/// A registry with its database and storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    db: Database,
    storage: RegistryStorage,
    clock: Clock,
    settings: Settings,
}

impl Registry {
    /// A registry over a database and storage that belong together.
    pub fn new(db: Database, storage: RegistryStorage, clock: Clock, settings: Settings) -> Self {
        Self {
            shared: Arc::new(Shared {
                db,
                storage,
                clock,
                settings,
            }),
        }
    }

    /// The truth.
    pub(crate) fn db(&self) -> &Database {
        &self.shared.db
    }

    /// The bytes.
    pub(crate) fn storage(&self) -> &RegistryStorage {
        &self.shared.storage
    }

    /// The present time in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.shared.clock.micros()
    }

    /// What it was told at start.
    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }
}
