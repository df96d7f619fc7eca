//! Leases: they keep what a process works on while no name reaches it yet.

use std::io;

use jiff::{SignedDuration, Timestamp};
use wharf_oci::Digest;

use crate::process::ProcessIdentity;
use crate::records::{Durability, RecordsError, Session};
use crate::store::ImageStore;

/// After this time a lease ends by itself, whatever its process does, unless it is extended.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Keeps blobs and layers from being collected until it is dropped or its process dies.
///
/// Take content under the lease *before* looking whether it is in the store: what is seen after
/// that stays.
#[derive(Debug)]
pub struct Lease {
    store: ImageStore,
    pub(crate) id: i64,
}

/// Why a lease could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// `/proc` does not tell who we are.
    #[error("cannot read /proc to identify this process: {0}")]
    Process(#[source] io::Error),
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl ImageStore {
    /// Makes a lease for this process. `purpose` is for people who look into the store: `pull nginx`.
    pub fn lease(&self, purpose: &str) -> Result<Lease, LeaseError> {
        let owner = ProcessIdentity::current().map_err(LeaseError::Process)?;
        let now = self.shared.clock.now();
        let id = self.shared.records.write(Durability::Volatile, |session| {
            session.insert_lease(purpose, &owner, now, end(now))
        })?;
        Ok(Lease {
            store: self.clone(),
            id,
        })
    }

    /// Ends the leases of processes that are dead and those that have expired.
    pub(crate) fn end_dead_leases(&self, session: &Session<'_>) -> Result<(), LeaseError> {
        let here = ProcessIdentity::current().map_err(LeaseError::Process)?;
        let now = self.shared.clock.now();
        for lease in session.leases()? {
            let lives =
                lease.expires > now && lease.owner.may_run(&here).map_err(LeaseError::Process)?;
            if !lives {
                session.delete_lease(lease.id)?;
            }
        }
        Ok(())
    }
}

impl Lease {
    /// Keeps these blobs (by digest) and layers (by diff ID). One commit for all of them.
    pub fn protect(&self, digests: &[Digest]) -> Result<(), RecordsError> {
        self.write(|session| session.protect(self.id, digests))
    }

    /// Lets the lease live on for another day: for work that takes longer.
    pub fn extend(&self) -> Result<(), RecordsError> {
        let end = end(self.store.shared.clock.now());
        self.write(|session| session.extend_lease(self.id, end))
    }

    /// Ends the lease, and says if that failed. Dropping it ends it too.
    pub fn release(self) -> Result<(), RecordsError> {
        self.write(|session| session.delete_lease(self.id))
    }

    fn write(
        &self,
        work: impl FnOnce(&Session<'_>) -> Result<(), RecordsError>,
    ) -> Result<(), RecordsError> {
        self.store.shared.records.write(Durability::Volatile, work)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A lease that could not be ended ends with this process.
        let _ended = self.write(|session| session.delete_lease(self.id));
    }
}

fn end(now: Timestamp) -> Timestamp {
    now.checked_add(LIFETIME).unwrap_or(Timestamp::MAX)
}
