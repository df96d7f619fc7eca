//! Blobs of a repository: found, read, deleted.

use std::ops::Range;

use wharf_oci::Digest;

use super::RepositoryName;
use crate::cache::ObjectCache;
use crate::db::{self, Durability, Sql, blobs::BlobRecord};
use crate::error::RegistryError;
use crate::registry::Registry;
use crate::storage::BlobBody;

/// A blob that a repository shows.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Its length in bytes.
    pub size: u64,
    record: BlobRecord,
}

impl From<BlobRecord> for Blob {
    fn from(record: BlobRecord) -> Self {
        Self {
            size: record.size,
            record,
        }
    }
}

impl Registry {
    /// The blob `digest` of the repository.
    pub async fn find_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Blob, RegistryError> {
        let unknown = || RegistryError::BlobUnknown {
            name: name.to_string(),
            digest: *digest,
        };
        let Some(memory) = self.memory() else {
            let (name, wanted) = (name.clone(), *digest);
            let question =
                move |sql: &mut dyn Sql| db::blobs::find_named(sql, name.as_str(), &wanted);
            let found = self.db().ask(question).await;
            let found = found.map_err(RegistryError::Database)?;
            return found.map(Blob::from).ok_or_else(unknown);
        };
        let repository = self.repository_id(name).await?.ok_or_else(unknown)?;
        if let Some(record) = memory.blob(repository, digest) {
            return Ok(record.into());
        }
        let asked = memory.stamp();
        let wanted = *digest;
        let found = self
            .db()
            .read(move |sql| db::blobs::find_in_repository(sql, repository, &wanted))
            .await
            .map_err(RegistryError::Database)?;
        let record = found.ok_or_else(unknown)?;
        memory.put_blob(asked, repository, *digest, record.clone());
        Ok(record.into())
    }

    /// As [`Registry::find_blob`], for a client that will not upload a blob which is there: the collector leaves it alone
    /// for another grace period.
    pub async fn find_blob_to_keep(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Blob, RegistryError> {
        let blob = self.find_blob(name, digest).await?;
        let (wanted, digest_of_row, now) = (name.clone(), *digest, self.now());
        let kept = self
            .db()
            .write(
                Durability::Relaxed,
                move |sql| match db::repositories::find_id(sql, wanted.as_str())? {
                    Some(repository) => {
                        sql.touches_repository(repository);
                        db::blobs::touch_link(sql, repository, &digest_of_row, now)
                    }
                    None => Ok(false),
                },
            )
            .await
            .map_err(RegistryError::Database)?;
        if kept {
            return Ok(blob);
        }
        Err(RegistryError::BlobUnknown {
            name: name.to_string(),
            digest: *digest,
        })
    }

    /// The bytes `range` of a blob, which the caller keeps within its size.
    pub async fn read_blob(
        &self,
        blob: &Blob,
        range: Range<u64>,
    ) -> Result<BlobBody, RegistryError> {
        let key = &blob.record.key;
        if !ObjectCache::takes(blob.size) {
            return Ok(self.storage().read(key, range).await?);
        }
        let bytes = if let Some(known) = self.objects().get(key) {
            known
        } else {
            let read = self.storage().read_whole(key, blob.size).await?;
            self.objects().put(key.clone(), read.clone());
            read
        };
        let ends = |end: u64| usize::try_from(end).unwrap_or(usize::MAX).min(bytes.len());
        Ok(BlobBody::Bytes(
            bytes.slice(ends(range.start)..ends(range.end)),
        ))
    }

    /// Where a client can read the blob's bytes by itself, if storage offers that.
    pub async fn blob_url(&self, blob: &Blob) -> Result<Option<String>, RegistryError> {
        Ok(self.storage().redirect_url(&blob.record.key).await?)
    }

    /// Takes a blob away from the repository, unless a manifest needs it. Its bytes go when nobody has it any more.
    pub async fn delete_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        let (name, digest) = (name.clone(), *digest);
        self.db()
            .write(Durability::Full, move |sql| {
                let unknown = || RegistryError::BlobUnknown {
                    name: name.to_string(),
                    digest,
                };
                let repository =
                    db::repositories::find_id(sql, name.as_str())?.ok_or_else(unknown)?;
                sql.touches_repository(repository);
                if db::blobs::is_needed(sql, repository, &digest)? {
                    return Err(RegistryError::BlobInUse {
                        name: name.to_string(),
                        digest,
                    });
                }
                if db::blobs::unlink(sql, repository, &digest)? {
                    Ok(())
                } else {
                    Err(unknown())
                }
            })
            .await
    }
}
