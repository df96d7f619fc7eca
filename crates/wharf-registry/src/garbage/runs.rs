//! Rounds that somebody asks for, and the history of all that did something.

use super::{GarbageReport, GarbageWish};
use crate::db::garbage_runs::{self, GarbageRun};
use crate::db::{Durability, SqlError};
use crate::error::RegistryError;
use crate::listing::{ListRequest, Page};
use crate::registry::Registry;

impl Registry {
    /// Begins a round and does not wait for its end; gives its number.
    pub async fn start_garbage_run(
        &self,
        wish: GarbageWish,
        actor: &str,
    ) -> Result<i64, RegistryError> {
        let run = GarbageRun {
            id: 0,
            actor: actor.to_owned(),
            wish: text(&wish),
            status: "Running".to_owned(),
            report: String::new(),
            began: self.now(),
            ended: None,
        };
        let id = self
            .db()
            .write(Durability::Full, move |sql| garbage_runs::insert(sql, &run))
            .await
            .map_err(RegistryError::Database)?;
        let registry = self.clone();
        tokio::spawn(async move {
            let outcome = registry.collect_garbage(wish).await;
            if let Err(error) = registry.note_end(id, outcome).await {
                tracing::error!(%error, run = id, "the end of a round of the collector could not be noted");
            }
        });
        Ok(id)
    }

    /// Notes a round that came by itself and did something.
    pub(crate) async fn note_garbage_run(
        &self,
        wish: GarbageWish,
        report: GarbageReport,
        began: i64,
    ) -> Result<(), RegistryError> {
        let run = GarbageRun {
            id: 0,
            actor: String::new(),
            wish: text(&wish),
            status: "Success".to_owned(),
            report: text(&report),
            began,
            ended: Some(self.now()),
        };
        self.db()
            .write(Durability::Relaxed, move |sql| {
                garbage_runs::insert(sql, &run).map(drop)
            })
            .await
            .map_err(RegistryError::Database)
    }

    /// A page of rounds, the latest first.
    pub async fn list_garbage_runs(
        &self,
        request: &ListRequest,
    ) -> Result<Page<GarbageRun>, RegistryError> {
        let (page, page_size) = (request.page, request.page_size);
        let (items, total) = self
            .db()
            .read(move |sql| garbage_runs::list(sql, page, page_size))
            .await
            .map_err(RegistryError::Database)?;
        Ok(Page { items, total })
    }

    /// The round `id`.
    pub async fn find_garbage_run(&self, id: i64) -> Result<GarbageRun, RegistryError> {
        let found: Result<_, SqlError> =
            self.db().read(move |sql| garbage_runs::find(sql, id)).await;
        found?.ok_or_else(|| RegistryError::NotFound {
            what: format!("round {id} of the garbage collection"),
        })
    }

    async fn note_end(
        &self,
        id: i64,
        outcome: Result<GarbageReport, RegistryError>,
    ) -> Result<(), RegistryError> {
        let (status, report) = match outcome {
            Ok(report) => ("Success", text(&report)),
            Err(error) => ("Error", error.to_string()),
        };
        let now = self.now();
        self.db()
            .write(Durability::Full, move |sql| {
                garbage_runs::end(sql, id, status, &report, now)
            })
            .await
            .map_err(RegistryError::Database)
    }
}

/// JSON of what always has some.
fn text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
