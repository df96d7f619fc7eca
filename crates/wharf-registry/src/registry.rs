//! The registry itself: what its rooms share.

use std::sync::Arc;

use crate::accounts::Identity;
use crate::clock::Clock;
use crate::db::{self, Database, Durability};
use crate::error::RegistryError;
use crate::settings::Settings;
use crate::storage::{RegistryStorage, StorageRoom};

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
    identity: Identity,
}

impl Registry {
    /// A registry over a database and storage that belong together. It reads its keys, and gives back what a process held
    /// that died.
    pub async fn open(
        db: Database,
        storage: RegistryStorage,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, RegistryError> {
        let registry = Self {
            shared: Arc::new(Shared {
                db,
                storage,
                clock,
                settings,
                identity: Identity::new(),
            }),
        };
        if !registry.db().is_shared() {
            registry
                .db()
                .write(Durability::Relaxed, |sql| {
                    db::uploads::release_all_leases(sql)
                })
                .await
                .map_err(RegistryError::Database)?;
        }
        registry.refresh_keys().await?;
        Ok(registry)
    }

    /// Whether storage can be used now.
    pub async fn check_storage(&self) -> Result<(), RegistryError> {
        let checked = self.storage().check().await;
        Ok(checked.inspect_err(|error| tracing::warn!(%error, "storage does not work"))?)
    }

    /// How much room storage has, where it says so.
    pub async fn storage_room(&self) -> Result<Option<StorageRoom>, RegistryError> {
        Ok(self.storage().room().await?)
    }

    /// Whether the database can be used now.
    pub async fn check_database(&self) -> Result<(), RegistryError> {
        let checked: Result<bool, db::SqlError> = self.db().read(|sql| db::users::any(sql)).await;
        checked.inspect_err(|error| tracing::warn!(%error, "the database does not work"))?;
        Ok(())
    }

    /// The truth.
    pub(crate) fn db(&self) -> &Database {
        &self.shared.db
    }

    /// The bytes.
    pub(crate) fn storage(&self) -> &RegistryStorage {
        &self.shared.storage
    }

    /// Where times come from.
    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The present time in microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.shared.clock.micros()
    }

    /// What it was told at start.
    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// What proving who somebody is needs.
    pub(crate) fn identity(&self) -> &Identity {
        &self.shared.identity
    }
}
