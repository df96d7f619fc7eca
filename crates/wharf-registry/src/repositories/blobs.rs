//! Blobs of a repository: found, read, deleted.

use std::ops::Range;

use wharf_oci::Digest;

use super::RepositoryName;
use crate::db::{self, Durability, blobs::BlobRecord};
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

impl Registry {
    /// The blob `digest` of the repository.
    pub async fn find_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Blob, RegistryError> {
        let (wanted, digest_of_row) = (name.clone(), *digest);
        let record = self
            .db()
            .read(
                move |sql| match db::repositories::find_id(sql, wanted.as_str())? {
                    Some(repository) => {
                        db::blobs::find_in_repository(sql, repository, &digest_of_row)
                    }
                    None => Ok(None),
                },
            )
            .await
            .map_err(RegistryError::Database)?;
        record
            .map(|record| Blob {
                size: record.size,
                record,
            })
            .ok_or_else(|| RegistryError::BlobUnknown {
                name: name.to_string(),
                digest: *digest,
            })
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
                    Some(repository) => db::blobs::touch_link(sql, repository, &digest_of_row, now),
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
        Ok(self.storage().read(&blob.record.key, range).await?)
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
