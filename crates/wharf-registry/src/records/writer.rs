//! Brings the records in storage up to date with the database.
//!
//! A change queues what it changed in its own transaction; a record is then written, or deleted, after the state of the
//! database at that moment. So a crash between the two is made up for by the next round, and an old state never stays.

use std::collections::BTreeSet;

use super::document::{ManifestRecord, ProjectDocument, TagDocument, record_key};
use crate::db::records::{self, QueuedRecord, RecordKind};
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;

/// Entries of the queue that are taken at once.
const BATCH: u64 = 100;

impl Registry {
    /// Writes what has queued up; says how many records changed.
    pub async fn write_records(&self) -> Result<u64, RegistryError> {
        let mut changed = 0;
        loop {
            let queued = self
                .db()
                .read(|sql| records::queued(sql, BATCH))
                .await
                .map_err(RegistryError::Database)?;
            if queued.is_empty() {
                return Ok(changed);
            }
            let mut done = BTreeSet::new();
            for record in &queued {
                let thing = (
                    record.kind.as_str(),
                    record.name.clone(),
                    record.item.clone(),
                );
                if done.insert(thing) {
                    self.write_record(record).await?;
                    changed += 1;
                }
            }
            let ids: Vec<i64> = queued.iter().map(|record| record.id).collect();
            self.db()
                .write(Durability::Relaxed, move |sql| records::forget(sql, &ids))
                .await
                .map_err(RegistryError::Database)?;
        }
    }

    async fn write_record(&self, record: &QueuedRecord) -> Result<(), RegistryError> {
        let Some(key) = record_key(record.kind, &record.name, &record.item) else {
            return Err(RegistryError::Internal(format!("no key for {record:?}")));
        };
        let wanted = record.clone();
        let document = self
            .db()
            .read(move |sql| document(sql, &wanted))
            .await
            .map_err(RegistryError::Database)?;
        match document {
            Some(document) => self.storage().put_document(&key, document).await?,
            None => self.storage().delete(&key).await?,
        }
        Ok(())
    }
}

/// What the record is to say now; `None` if the thing is gone.
fn document(sql: &mut dyn Sql, record: &QueuedRecord) -> Result<Option<Vec<u8>>, SqlError> {
    match record.kind {
        RecordKind::Project => {
            let project = db::projects::find(sql, &record.name)?;
            Ok(project.and_then(|project| {
                serde_json::to_vec(&ProjectDocument {
                    name: project.name,
                    public: project.public,
                    owner_name: project.owner_name,
                    metadata: project.metadata,
                    created: project.created,
                })
                .ok()
            }))
        }
        RecordKind::Manifest => {
            let found = records::manifest(sql, &record.name, &record.item)?;
            Ok(found.and_then(|manifest| {
                serde_json::to_vec(&ManifestRecord::new(
                    &record.name,
                    &record.item,
                    &manifest.media_type,
                    (manifest.pushed, manifest.pushed_by),
                    &manifest.content,
                ))
                .ok()
            }))
        }
        RecordKind::Tag => {
            let found = records::tag(sql, &record.name, &record.item)?;
            Ok(found.and_then(|tag| {
                serde_json::to_vec(&TagDocument {
                    repository: record.name.clone(),
                    tag: record.item.clone(),
                    digest: tag.digest,
                    updated: tag.updated,
                    pushed_by: tag.pushed_by,
                })
                .ok()
            }))
        }
    }
}
