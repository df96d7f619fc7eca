//! In which repositories a blob is known to be, so that a push can mount it instead of sending it.

use jiff::{SignedDuration, Timestamp};
use wharf_oci::{Digest, Repository};

use crate::records::{Durability, RecordsError};
use crate::store::ImageStore;

/// How long a sighting is believed. A wrong guess costs one request.
const MEMORY: SignedDuration = SignedDuration::from_hours(24 * 90);

impl ImageStore {
    /// Remembers that `repository` has these blobs, as a pull or push has just seen.
    pub fn remember_origins(
        &self,
        repository: &Repository,
        blobs: &[Digest],
    ) -> Result<(), RecordsError> {
        let now = self.shared.clock.now();
        let limit = now.checked_sub(MEMORY).unwrap_or(Timestamp::MIN);
        self.shared.records.write(Durability::Volatile, |session| {
            session.delete_origins_before(limit)?;
            for blob in blobs {
                session.put_origin(blob, repository, now)?;
            }
            Ok(())
        })
    }

    /// Repositories of the registry `domain` that should have `blob`, seen last first.
    pub fn origins(&self, blob: &Digest, domain: &str) -> Result<Vec<Repository>, RecordsError> {
        let mut repositories = self.shared.records.read(|session| session.origins(blob))?;
        repositories.retain(|repository| repository.domain() == domain);
        Ok(repositories)
    }

    /// Whether `blob` is known to be in any registry, as it is.
    pub fn is_in_a_registry(&self, blob: &Digest) -> Result<bool, RecordsError> {
        let repositories = self.shared.records.read(|session| session.origins(blob))?;
        Ok(!repositories.is_empty())
    }

    /// Forgets that `repository` has `blob`: the registry said no.
    pub fn forget_origin(
        &self,
        blob: &Digest,
        repository: &Repository,
    ) -> Result<(), RecordsError> {
        self.shared.records.write(Durability::Volatile, |session| {
            session.delete_origin(blob, repository)
        })
    }
}
