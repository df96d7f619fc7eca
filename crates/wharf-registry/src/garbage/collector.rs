//! The collector: rounds of steps.

use std::time::Duration;

use serde::Serialize;

use super::GarbageSettings;
use crate::db::garbage::LinkKey;
use crate::error::RegistryError;
use crate::registry::Registry;

/// How long the collector rests after each step, so that it never takes more than a part of the machine.
const REST: Duration = Duration::from_millis(5);
/// Objects that the database does not know are left alone for at least this long.
const STRAY_AGE: Duration = Duration::from_hours(24);

/// What a round is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GarbageWish {
    /// Only tell what would be given up now.
    pub dry_run: bool,
    /// Look through storage for objects and uploads that the database does not know.
    pub strays: bool,
    /// Empty the trash now, whatever could still be brought back.
    pub empty_trash: bool,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct GarbageReport {
    /// Uploads that nobody went on with.
    pub uploads: u64,
    /// Deleted manifests whose time was over.
    pub manifests: u64,
    /// Blobs that a repository no longer shows.
    pub links: u64,
    /// Blobs that were given up, or would be.
    pub blobs: u64,
    /// Objects that were deleted.
    pub objects: u64,
    /// Their bytes; in a dry run, those of the blobs that would be given up.
    pub freed_bytes: u64,
    /// Objects and uploads that the database did not know.
    pub strays: u64,
}

impl Registry {
    /// One round. Pushes and pulls go on meanwhile, and none of them waits for it.
    pub async fn collect_garbage(&self, wish: GarbageWish) -> Result<GarbageReport, RegistryError> {
        let windows = self.settings().garbage;
        let before = |window| GarbageSettings::cutoff(window, self.now());
        let grace = before(windows.grace);
        let mut report = GarbageReport::default();
        if wish.dry_run {
            self.count_garbage(grace, &mut report).await?;
            return Ok(report);
        }
        report.uploads = self
            .expire_uploads(before(windows.upload_expiry))
            .await?
            .count;
        let trash = if wish.empty_trash {
            i64::MAX
        } else {
            before(windows.undelete)
        };
        self.empty_trash_all(trash, &mut report).await?;
        self.unlink_all(grace, &mut report).await?;
        self.doom_all(grace, &mut report).await?;
        if wish.strays {
            self.find_strays(before(STRAY_AGE.max(windows.grace)), &mut report)
                .await?;
        }
        self.delete_all_objects(&mut report).await?;
        self.remove_hidden_repositories(grace).await?;
        self.garbage_figures().add(&report);
        Ok(report)
    }

    async fn unlink_all(
        &self,
        cutoff: i64,
        report: &mut GarbageReport,
    ) -> Result<(), RegistryError> {
        let first = LinkKey {
            repository: i64::MIN,
            digest: String::new(),
        };
        let mut after = Some(first);
        while let Some(page) = after {
            let (step, next) = self.unlink_blobs(page, cutoff).await?;
            report.links += step.count;
            after = next;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    async fn doom_all(&self, cutoff: i64, report: &mut GarbageReport) -> Result<(), RegistryError> {
        let mut after = Some(String::new());
        while let Some(page) = after {
            let (step, next) = self.doom_blobs(page, cutoff).await?;
            report.blobs += step.count;
            after = next;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    async fn count_garbage(
        &self,
        cutoff: i64,
        report: &mut GarbageReport,
    ) -> Result<(), RegistryError> {
        let mut after = Some(String::new());
        while let Some(page) = after {
            let (step, next) = self.count_unused_blobs(page, cutoff).await?;
            report.blobs += step.count;
            report.freed_bytes += step.bytes;
            after = next;
            tokio::time::sleep(REST).await;
        }
        Ok(())
    }

    async fn find_strays(
        &self,
        cutoff: i64,
        report: &mut GarbageReport,
    ) -> Result<(), RegistryError> {
        let mut after = None;
        loop {
            let (step, next) = self.doom_strays(after, cutoff).await?;
            report.strays += step.count;
            if next.is_none() {
                break;
            }
            after = next;
            tokio::time::sleep(REST).await;
        }
        let mut after = None;
        loop {
            let (step, next) = self.free_stray_uploads(after, cutoff).await?;
            report.strays += step.count;
            if next.is_none() {
                return Ok(());
            }
            after = next;
            tokio::time::sleep(REST).await;
        }
    }

    async fn empty_trash_all(
        &self,
        cutoff: i64,
        report: &mut GarbageReport,
    ) -> Result<(), RegistryError> {
        loop {
            let step = self.empty_trash(cutoff).await?;
            report.manifests += step.count;
            if step.count == 0 {
                return Ok(());
            }
            tokio::time::sleep(REST).await;
        }
    }

    async fn delete_all_objects(&self, report: &mut GarbageReport) -> Result<(), RegistryError> {
        loop {
            let step = self.delete_objects().await?;
            report.objects += step.count;
            report.freed_bytes += step.bytes;
            if step.count == 0 {
                return Ok(());
            }
            tokio::time::sleep(REST).await;
        }
    }
}
