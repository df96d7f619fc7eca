//! Who was pulled, how often and when last: what Harbor's API tells of repositories, artifacts and tags.
//!
//! Pulls are counted in memory and written every few seconds, all of one manifest in one change: a pull waits for nothing,
//! and the disk sees as many writes as there are manifests in use, whatever the rate. A crash loses a few seconds of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wharf_oci::Tag;

use super::ManifestReference;
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;

/// How long pulls are only counted.
const INTERVAL: Duration = Duration::from_secs(2);
/// Most manifests that pulls are counted of at once. What is pulled beyond them until they are written does not count.
const MANIFEST_LIMIT: usize = 100_000;
/// Manifests whose pulls one transaction writes: a push never waits longer than for these.
const BATCH: usize = 50;

/// Pulls that are not written yet, by the manifest's number.
#[derive(Debug, Default)]
pub(crate) struct Pulls(Mutex<HashMap<i64, ManifestPulls>>);

/// Those of one manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ManifestPulls {
    count: i64,
    /// When it was pulled last.
    last: i64,
    /// The tags under which it was, and when last.
    tags: Vec<(Tag, i64)>,
}

impl Pulls {
    fn count(&self, manifest: i64, reference: &ManifestReference, now: i64) {
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pulls.len() >= MANIFEST_LIMIT && !pulls.contains_key(&manifest) {
            return;
        }
        let pulls = pulls.entry(manifest).or_default();
        pulls.count += 1;
        pulls.last = now;
        let ManifestReference::Tag(tag) = reference else {
            return;
        };
        match pulls.tags.iter_mut().find(|(known, _)| known == tag) {
            Some((_, last)) => *last = now,
            None => pulls.tags.push((tag.clone(), now)),
        }
    }

    fn take(&self) -> Vec<(i64, ManifestPulls)> {
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *pulls).into_iter().collect()
    }
}

impl Registry {
    /// Counts a pull of the manifest with this number under `reference`.
    pub(crate) fn count_pull(&self, manifest: i64, reference: &ManifestReference) {
        self.pulls().count(manifest, reference, self.now());
    }

    /// Writes what was counted, again and again until `stop` turns true, and then once more.
    pub(crate) async fn keep_writing_pulls(&self, mut stop: watch::Receiver<bool>) {
        loop {
            let is_last = *stop.borrow();
            if let Err(error) = self.write_pulls().await {
                tracing::warn!(%error, "pulls of the last seconds were not counted");
            }
            if is_last {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                _ = stop.changed() => {}
            }
        }
    }

    async fn write_pulls(&self) -> Result<(), RegistryError> {
        for batch in self.pulls().take().chunks(BATCH) {
            let batch = batch.to_vec();
            self.db()
                .write(Durability::Relaxed, move |sql| write(sql, &batch))
                .await
                .map_err(RegistryError::Database)?;
        }
        Ok(())
    }
}

fn write(sql: &mut dyn Sql, batch: &[(i64, ManifestPulls)]) -> Result<(), SqlError> {
    for (manifest, pulls) in batch {
        db::manifests::pulled(sql, *manifest, pulls.count, pulls.last)?;
        for (tag, last) in &pulls.tags {
            db::tags::pulled(sql, *manifest, tag.as_str(), *last)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_of_one_manifest_are_written_together() {
        let pulls = Pulls::default();
        let (one, two) = ("one".parse::<Tag>().unwrap(), "two".parse::<Tag>().unwrap());
        let tagged = |tag: &Tag| ManifestReference::Tag(tag.clone());
        let digest = ManifestReference::Digest(wharf_oci::Digest::of(b"manifest"));
        pulls.count(7, &tagged(&one), 10);
        pulls.count(7, &tagged(&two), 11);
        pulls.count(7, &tagged(&one), 12);
        pulls.count(7, &digest, 13);
        let expected = ManifestPulls {
            count: 4,
            last: 13,
            tags: vec![(one, 12), (two, 11)],
        };
        assert_eq!(pulls.take(), [(7, expected)]);
        assert_eq!(pulls.take(), []);
    }
}
