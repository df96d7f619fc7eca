//! The registry itself: what its rooms share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::accounts::Identity;
use crate::cache::{Memory, ObjectCache};
use crate::clock::Clock;
use crate::db::{self, Database, Durability};
use crate::error::RegistryError;
use crate::garbage::{GarbageFigures, GarbageReport, GarbageWish};
use crate::repositories::Pulls;
use crate::settings::Settings;
use crate::storage::{RegistryStorage, StorageRoom};

const MINUTE: Duration = Duration::from_mins(1);
const MINUTES_OF_A_DAY: u64 = 24 * 60;

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
    /// None over a database that others change too.
    memory: Option<Arc<Memory>>,
    objects: ObjectCache,
    pulls: Pulls,
    garbage: GarbageFigures,
}

impl Registry {
    /// A registry that is about to be served, over a database and storage that belong together. It reads its keys, and
    /// gives back what a process held that died.
    pub async fn open(
        db: Database,
        storage: RegistryStorage,
        clock: Clock,
        settings: Settings,
    ) -> Result<Self, RegistryError> {
        let registry = Self::beside(db, storage, clock, settings);
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

    /// The same registry beside the process that serves it: to look at it, not to serve it.
    pub fn beside(
        db: Database,
        storage: RegistryStorage,
        clock: Clock,
        settings: Settings,
    ) -> Self {
        let memory = (!db.is_shared()).then(|| Arc::new(Memory::default()));
        if let Some(memory) = memory.clone() {
            db.on_change(move |changes| memory.forget(changes));
        }
        Self {
            shared: Arc::new(Shared {
                db,
                storage,
                clock,
                settings,
                identity: Identity::new(),
                memory,
                objects: ObjectCache::default(),
                pulls: Pulls::default(),
                garbage: GarbageFigures::default(),
            }),
        }
    }

    /// Looks after the registry until `stop` turns true: garbage, keys, sessions, counted pulls. What fails is logged and
    /// tried again.
    pub async fn look_after(&self, stop: watch::Receiver<bool>) {
        tokio::join!(self.tidy_up(stop.clone()), self.keep_writing_pulls(stop));
    }

    async fn tidy_up(&self, mut stop: watch::Receiver<bool>) {
        let mut minutes = 0_u64;
        let mut next_round = self.now();
        while !*stop.borrow() {
            let failed = |what: &str, error: &RegistryError| {
                tracing::error!(%error, "{what} failed and will be tried again");
            };
            if let Err(error) = self.refresh_keys().await {
                failed("reading the signing keys", &error);
            }
            if let Err(error) = self.sweep_sessions().await {
                failed("forgetting old sessions", &error);
            }
            if let Err(error) = self.write_records().await {
                failed("telling storage what changed", &error);
            }
            if self.now() >= next_round {
                let wish = GarbageWish {
                    strays: minutes.is_multiple_of(MINUTES_OF_A_DAY),
                    ..GarbageWish::default()
                };
                let began = self.now();
                match self.collect_garbage(wish).await {
                    Ok(report) if report == GarbageReport::default() => {}
                    Ok(report) => {
                        tracing::info!(?report, "garbage was collected");
                        if let Err(error) = self.note_garbage_run(wish, report, began).await {
                            failed("noting what was collected", &error);
                        }
                    }
                    Err(error) => failed("collecting garbage", &error),
                }
                let rest = self.settings().garbage.interval.as_micros();
                next_round = self
                    .now()
                    .saturating_add(i64::try_from(rest).unwrap_or(i64::MAX));
            }
            minutes += 1;
            let wait = MINUTE.min(self.settings().garbage.interval);
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// How long the collector rests between two rounds.
    pub fn garbage_interval(&self) -> Duration {
        self.settings().garbage.interval
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

    /// What kind of storage it is, in the words of Harbor's API.
    pub fn storage_kind(&self) -> &'static str {
        self.storage().kind()
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

    /// What is remembered of the database, where that is exact.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.shared.memory.as_deref()
    }

    /// Small objects that were read a moment ago.
    pub(crate) fn objects(&self) -> &ObjectCache {
        &self.shared.objects
    }

    /// What was pulled in the last seconds.
    pub(crate) fn pulls(&self) -> &Pulls {
        &self.shared.pulls
    }

    /// What the collector did so far.
    pub(crate) fn garbage_figures(&self) -> &GarbageFigures {
        &self.shared.garbage
    }

    /// What proving who somebody is needs.
    pub(crate) fn identity(&self) -> &Identity {
        &self.shared.identity
    }
}
