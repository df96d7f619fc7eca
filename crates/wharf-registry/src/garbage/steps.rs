//! The collector's steps: each asks for a page of candidates and then changes a few rows in one short transaction, which
//! looks at each of them again.

use std::time::{Duration, Instant};

use crate::db::garbage::{self, LinkKey};
use crate::db::{self, Durability, Sql, SqlError};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::repositories::RepositoryName;
use crate::storage::{ObjectKey, StoredObject};

/// Rows that one question looks at.
const PAGE: u64 = 1_000;
/// Rows that one transaction changes: a push never waits longer than for these.
const BATCH: usize = 20;
/// How many times as long as it took the collector rests after a step.
const RESTS: u32 = 4;
/// And how long at most: a slow disk is no reason to collect nothing.
const LONGEST_REST: Duration = Duration::from_millis(200);

/// What a step did, and whether there is more of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// How many things went.
    pub(super) count: u64,
    /// Their bytes, where they have some.
    pub(super) bytes: u64,
}

impl Registry {
    /// Ends uploads that nobody has gone on with since `cutoff`.
    pub(super) async fn expire_uploads(&self, cutoff: i64) -> Result<Step, RegistryError> {
        let expired = self
            .db()
            .read(move |sql| garbage::expired_uploads(sql, cutoff, PAGE))
            .await
            .map_err(RegistryError::Database)?;
        let mut step = Step::default();
        for (repository, id) in expired {
            let wanted = id.clone();
            let name = self
                .db()
                .read(move |sql| db::repositories::find_name(sql, repository))
                .await
                .map_err(RegistryError::Database)?;
            let Some(name) = name else { continue };
            match self
                .cancel_upload(&RepositoryName::parse(&name)?, &wanted)
                .await
            {
                Ok(()) => step.count += 1,
                // Finished, cancelled or gone on with since the question.
                Err(RegistryError::UploadUnknown { .. } | RegistryError::UploadBusy { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(step)
    }

    /// Forgets deleted manifests whose time to be brought back is over.
    pub(super) async fn empty_trash(&self, cutoff: i64) -> Result<Step, RegistryError> {
        let expired = self
            .db()
            .read(move |sql| garbage::expired_trash(sql, cutoff, PAGE))
            .await
            .map_err(RegistryError::Database)?;
        let mut step = Step::default();
        for batch in expired.chunks(BATCH) {
            let batch = batch.to_vec();
            step.count += self.change(move |sql| forget_trash(sql, &batch)).await?;
        }
        Ok(step)
    }

    /// Takes links away that no manifest has needed since `cutoff`, on the page after `after`; gives the page after that.
    pub(super) async fn unlink_blobs(
        &self,
        after: LinkKey,
        cutoff: i64,
    ) -> Result<(Step, Option<LinkKey>), RegistryError> {
        let page = self
            .db()
            .read(move |sql| garbage::unused_links(sql, &after, cutoff, PAGE))
            .await
            .map_err(RegistryError::Database)?;
        let mut step = Step::default();
        for batch in page.found.chunks(BATCH) {
            let batch = batch.to_vec();
            step.count += self.change(move |sql| unlink(sql, &batch, cutoff)).await?;
        }
        Ok((step, page.next))
    }

    /// Gives blobs up that nothing has relied on since `cutoff`, on the page after `after`; gives the page after that.
    pub(super) async fn doom_blobs(
        &self,
        after: String,
        cutoff: i64,
    ) -> Result<(Step, Option<String>), RegistryError> {
        let page = self
            .db()
            .read(move |sql| garbage::unused_blobs(sql, &after, cutoff, PAGE))
            .await
            .map_err(RegistryError::Database)?;
        let mut step = Step::default();
        for batch in page.found.chunks(BATCH) {
            let batch: Vec<String> = batch.iter().map(|(digest, _)| digest.clone()).collect();
            let now = self.now();
            let done = self
                .change(move |sql| doom(sql, &batch, cutoff, now))
                .await?;
            step.count += done.count;
            step.bytes += done.bytes;
        }
        Ok((step, page.next))
    }

    /// What [`Self::doom_blobs`] would give up now.
    pub(super) async fn count_unused_blobs(
        &self,
        after: String,
        cutoff: i64,
    ) -> Result<(Step, Option<String>), RegistryError> {
        let page = self
            .db()
            .read(move |sql| garbage::unused_blobs(sql, &after, cutoff, PAGE))
            .await
            .map_err(RegistryError::Database)?;
        let step = Step {
            count: page.found.len() as u64,
            bytes: page.found.iter().map(|(_, size)| size).sum(),
        };
        Ok((step, page.next))
    }

    /// Deletes objects that are doomed, and then forgets them. Nothing maps to them any more, and no key is used twice.
    pub(super) async fn delete_objects(&self) -> Result<Step, RegistryError> {
        let doomed = self
            .db()
            .read(|sql| garbage::doomed_objects(sql, BATCH as u64))
            .await
            .map_err(RegistryError::Database)?;
        let mut step = Step::default();
        let mut deleted = Vec::new();
        for object in doomed {
            step.count += 1;
            step.bytes += object.size;
            deleted.push(object.key);
        }
        if !deleted.is_empty() {
            let began = Instant::now();
            self.storage().delete_all(&deleted).await?;
            rest(began).await;
            self.change(move |sql| garbage::forget_objects(sql, &deleted))
                .await?;
        }
        Ok(step)
    }

    /// Dooms objects in storage that were written before `cutoff` and that the database does not know: what a crash between
    /// storage and database leaves. Looks at the page after `after`; gives the page after that.
    pub(super) async fn doom_strays(
        &self,
        after: Option<ObjectKey>,
        cutoff: i64,
    ) -> Result<(Step, Option<ObjectKey>), RegistryError> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let listed = self.storage().list("blobs/", after.as_ref(), limit).await?;
        let next = (listed.len() >= limit).then(|| listed.last().map(|last| last.key.clone()));
        let old: Vec<StoredObject> = listed
            .into_iter()
            .filter(|object| object.modified < cutoff)
            .map(|object| StoredObject {
                key: object.key,
                size: object.size,
            })
            .collect();
        let mut step = Step::default();
        for batch in old.chunks(BATCH) {
            let (batch, now) = (batch.to_vec(), self.now());
            step.count += self
                .change(move |sql| doom_strays(sql, &batch, now))
                .await?;
        }
        Ok((step, next.flatten()))
    }

    /// Frees what lies in storage, untouched since `cutoff`, for uploads that the database does not know: what a crash
    /// leaves, and what S3 began for a request whose answer was lost. Looks at the page after `after`; gives the page after
    /// that. An upload's row is there before anything is stored for it, and no key is used twice.
    pub(super) async fn free_stray_uploads(
        &self,
        after: Option<ObjectKey>,
        cutoff: i64,
    ) -> Result<(Step, Option<ObjectKey>), RegistryError> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let listed = self.storage().list_uploads(after.as_ref(), limit).await?;
        let next = listed.last().map(|last| last.key.clone());
        let mut step = Step::default();
        for upload in listed.iter().filter(|upload| upload.touched < cutoff) {
            let key = upload.key.clone();
            let is_known = self
                .db()
                .read(move |sql| garbage::knows_upload(sql, key.as_str()))
                .await
                .map_err(RegistryError::Database)?;
            if !is_known {
                self.storage().abort_upload(&upload.key).await?;
                step.count += 1;
            }
        }
        Ok((step, next))
    }

    /// Takes repositories away that nothing was ever pushed to.
    pub(super) async fn remove_hidden_repositories(
        &self,
        cutoff: i64,
    ) -> Result<Step, RegistryError> {
        let count = self
            .change(move |sql| garbage::delete_hidden_repositories(sql, cutoff, PAGE))
            .await?;
        Ok(Step { count, bytes: 0 })
    }

    /// One change, on disk before anything is deleted that it gave up.
    async fn change<T: Send + 'static>(
        &self,
        change: impl FnMut(&mut dyn Sql) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let began = Instant::now();
        let changed = self.db().write(Durability::Full, change).await;
        rest(began).await;
        changed.map_err(RegistryError::Database)
    }
}

/// Leaves database and disk to others for a while after a step that began then: a push that comes meanwhile meets no step
/// more often than one in a few times.
async fn rest(began: Instant) {
    tokio::time::sleep((began.elapsed() * RESTS).min(LONGEST_REST)).await;
}

pub(super) fn forget_trash(sql: &mut dyn Sql, entries: &[i64]) -> Result<u64, SqlError> {
    let mut count = 0;
    for entry in entries {
        count += u64::from(db::trash::delete(sql, *entry)?);
    }
    Ok(count)
}

pub(super) fn unlink(sql: &mut dyn Sql, links: &[LinkKey], cutoff: i64) -> Result<u64, SqlError> {
    let mut count = 0;
    for link in links {
        count += u64::from(garbage::unlink(sql, link, cutoff)?);
    }
    Ok(count)
}

pub(super) fn doom(
    sql: &mut dyn Sql,
    digests: &[String],
    cutoff: i64,
    now: i64,
) -> Result<Step, SqlError> {
    let mut step = Step::default();
    for digest in digests {
        if let Some(bytes) = garbage::doom_blob(sql, digest, cutoff, now)? {
            step.count += 1;
            step.bytes += bytes;
        }
    }
    Ok(step)
}

pub(super) fn doom_strays(
    sql: &mut dyn Sql,
    objects: &[StoredObject],
    now: i64,
) -> Result<u64, SqlError> {
    let mut count = 0;
    for object in objects {
        // A key of a finished upload ends in that upload's own key.
        let (_, upload_key) = object.key.as_str().rsplit_once('.').unwrap_or_default();
        count += u64::from(garbage::doom_stray(sql, object, upload_key, now)?);
    }
    Ok(count)
}
