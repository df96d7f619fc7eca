//! Uploads: begun, written to, finished, cancelled.
//!
//! An upload is a row between two requests. Within one, its lease keeps other writers out, on this node and on others;
//! what a request stored counts when its row says so.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use wharf_oci::{Algorithm, Digest};

use super::RepositoryName;
use crate::db::{self, Durability, uploads::UploadRecord};
use crate::error::RegistryError;
use crate::random;
use crate::registry::Registry;
use crate::storage::{FinishError, PendingUpload, StorageError, StoredObject, UploadWriter};

/// How often a lease is renewed: several times before it ends.
const RENEWAL: Duration = Duration::from_micros(db::uploads::LEASE_MICROS.unsigned_abs() / 4);
const LEASE_SECONDS: u64 = db::uploads::LEASE_MICROS.unsigned_abs() / 1_000_000;

/// The body of a request.
pub type UploadBody = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Why a body ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BodyError {
    /// The client went away, or sent too slowly.
    #[error("{0}")]
    Broken(String),
    /// This registry is about to stop.
    #[error("the registry is being stopped")]
    Stopping,
}

impl From<BodyError> for RegistryError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Broken(reason) => Self::BodyIncomplete { reason },
            BodyError::Stopping => Self::Stopping,
        }
    }
}

/// Which bytes a chunk says it has (`Content-Range`): the first and the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte; not before the first.
    pub last: u64,
}

impl ByteRange {
    /// How many bytes these are.
    pub fn length(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadProgress {
    /// The upload.
    pub id: String,
    /// How many bytes are stored.
    pub offset: u64,
}

/// From where a blob may be mounted: repositories that the caller may read.
#[derive(Debug, Clone)]
pub enum MountSource {
    /// The one that the client named.
    Repository(RepositoryName),
    /// None was named: any of these.
    AnyOf(Vec<RepositoryName>),
}

/// A stored object that becomes a blob of a repository.
#[derive(Debug, Clone)]
pub(crate) struct RecordedBlob {
    pub(crate) name: RepositoryName,
    pub(crate) digest: Digest,
    pub(crate) object: StoredObject,
    /// The upload that ends with it, and its lease.
    pub(crate) upload: String,
    pub(crate) lease: String,
}

impl RecordedBlob {
    /// The one transaction that makes it one. Where the lease was lost, somebody else has the upload, and the object is left
    /// to the collector.
    pub(crate) fn record(&self, sql: &mut dyn db::Sql, now: i64) -> Result<(), RegistryError> {
        if !db::uploads::delete_leased(sql, &self.upload, &self.lease)? {
            return Err(busy(sql, &self.upload, now)?);
        }
        let Some(repository) = db::repositories::find_id(sql, self.name.as_str())? else {
            return Err(RegistryError::NameUnknown {
                name: self.name.to_string(),
            });
        };
        sql.touches_repository(repository);
        db::blobs::insert(sql, &self.digest, &self.object, now)?;
        db::blobs::link(sql, repository, &self.digest, now)?;
        Ok(())
    }
}

/// A lease on an upload within a request.
struct Lease<'a> {
    registry: &'a Registry,
    id: String,
    token: String,
    /// Turns true when somebody else has the upload in spite of it.
    is_lost: AtomicBool,
}

impl Registry {
    /// Begins an upload. The repository comes into being with it, and is seen when its first manifest comes.
    pub async fn begin_upload(
        &self,
        project: i64,
        name: &RepositoryName,
        owner: &str,
        algorithm: Algorithm,
    ) -> Result<UploadProgress, RegistryError> {
        let pending = self.storage().begin(algorithm);
        let id = random::uuid();
        let progress = UploadProgress {
            id: id.clone(),
            offset: 0,
        };
        let (name, owner, now) = (name.clone(), owner.to_owned(), self.now());
        self.db()
            .write(Durability::Relaxed, move |sql| {
                let repository =
                    db::repositories::find_or_insert(sql, project, name.as_str(), now)?;
                db::uploads::insert(sql, &id, repository, &owner, &pending, now)
            })
            .await
            .map_err(RegistryError::Database)?;
        Ok(progress)
    }

    /// How far an upload is.
    pub async fn upload_progress(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<UploadProgress, RegistryError> {
        let upload = self.find_upload(name, id).await?;
        Ok(UploadProgress {
            id: id.to_owned(),
            offset: upload.pending.offset,
        })
    }

    /// Appends a chunk. What came before the client vanished is kept.
    pub async fn append_upload(
        &self,
        name: &RepositoryName,
        id: &str,
        range: Option<ByteRange>,
        body: UploadBody,
    ) -> Result<UploadProgress, RegistryError> {
        let (lease, pending) = Lease::take(self, name, id).await?;
        if let Err(error) = check_range(id, range, pending.offset) {
            lease.release().await;
            return Err(error);
        }
        let begins = pending.offset;
        let opened = lease.holding(self.storage().open_upload(pending)).await;
        let mut writer = lease.or_release(opened).await?;
        if let Err(error) = lease.receive(&mut writer, body).await {
            return Err(lease.interrupt(writer, error).await);
        }
        let paused = lease.holding(writer.pause()).await;
        let paused = lease.or_release(paused).await?;
        let offset = paused.offset;
        lease.store(paused).await?;
        check_length(range, offset - begins)?;
        Ok(UploadProgress {
            id: id.to_owned(),
            offset,
        })
    }

    /// Finishes an upload with the last chunk, which may be empty: appends it, compares the digest, makes the object
    /// durable, and links it to the repository in one transaction.
    pub async fn finish_upload(
        &self,
        name: &RepositoryName,
        id: &str,
        range: Option<ByteRange>,
        digest: &Digest,
        body: UploadBody,
    ) -> Result<(), RegistryError> {
        let (lease, pending) = Lease::take(self, name, id).await?;
        if let Err(error) = check_range(id, range, pending.offset) {
            lease.release().await;
            return Err(error);
        }
        let begins = pending.offset;
        let opened = lease.holding(self.storage().open_upload(pending)).await;
        let mut writer = lease.or_release(opened).await?;
        let received = lease.receive(&mut writer, body).await;
        let checked = received.and_then(|()| check_length(range, writer.offset() - begins));
        if let Err(error) = checked {
            return Err(lease.interrupt(writer, error).await);
        }
        let object = match lease.holding(writer.finish(digest)).await {
            Ok(object) => object,
            Err(error) => return Err(lease.end(error).await),
        };
        self.record_blob(name, digest, object, lease).await
    }

    /// Takes a whole blob in one request. It has a row like any other upload: what is stored and not recorded yet is known.
    pub async fn push_blob(
        &self,
        project: i64,
        name: &RepositoryName,
        owner: &str,
        digest: &Digest,
        body: UploadBody,
    ) -> Result<(), RegistryError> {
        let upload = self
            .begin_upload(project, name, owner, digest.algorithm())
            .await?;
        let outcome = self
            .finish_upload(name, &upload.id, None, digest, body)
            .await;
        if outcome.is_err() {
            // Nobody knows this upload's name. Where it cannot be ended now, it expires.
            if let Err(error) = self.cancel_upload(name, &upload.id).await {
                tracing::debug!(upload = upload.id, %error, "an upload is left to expire");
            }
        }
        outcome
    }

    /// Lets `name` show a blob that one of the sources shows. `false` if none of them does.
    pub async fn mount_blob(
        &self,
        project: i64,
        name: &RepositoryName,
        source: MountSource,
        digest: &Digest,
    ) -> Result<bool, RegistryError> {
        let sources = match source {
            MountSource::Repository(source) => vec![source],
            MountSource::AnyOf(sources) => sources,
        };
        let (name, digest, now) = (name.clone(), *digest, self.now());
        self.db()
            .write(Durability::Full, move |sql| {
                mount(sql, project, &name, &sources, &digest, now)
            })
            .await
    }

    /// Repositories that show the blob, at most `limit` of them: the caller keeps those that may be read.
    pub async fn repositories_with_blob(
        &self,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<RepositoryName>, RegistryError> {
        let digest = *digest;
        let names = self
            .db()
            .read(move |sql| db::blobs::repositories_with(sql, &digest, limit))
            .await
            .map_err(RegistryError::Database)?;
        names
            .iter()
            .map(|name| RepositoryName::parse(name))
            .collect()
    }

    /// Ends an upload and frees what it stored.
    pub async fn cancel_upload(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<(), RegistryError> {
        let (lease, pending) = Lease::take(self, name, id).await?;
        lease
            .holding(self.storage().abort_upload(&pending.key))
            .await?;
        lease.forget().await
    }

    async fn find_upload(
        &self,
        name: &RepositoryName,
        id: &str,
    ) -> Result<UploadRecord, RegistryError> {
        let (name, wanted) = (name.clone(), id.to_owned());
        let found = self
            .db()
            .read(
                move |sql| match db::repositories::find_id(sql, name.as_str())? {
                    Some(repository) => db::uploads::find(sql, repository, &wanted),
                    None => Ok(None),
                },
            )
            .await
            .map_err(RegistryError::Database)?;
        found.ok_or_else(|| RegistryError::UploadUnknown { id: id.to_owned() })
    }

    async fn record_blob(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        object: StoredObject,
        lease: Lease<'_>,
    ) -> Result<(), RegistryError> {
        let recorded = RecordedBlob {
            name: name.clone(),
            digest: *digest,
            object,
            upload: lease.id,
            lease: lease.token,
        };
        let now = self.now();
        self.db()
            .write(Durability::Full, move |sql| recorded.record(sql, now))
            .await
    }

    fn check_blob_limit(&self, bytes: u64) -> Result<(), RegistryError> {
        let limit = self.settings().blob_limit_bytes;
        if bytes > limit {
            return Err(RegistryError::BlobTooLarge { limit });
        }
        Ok(())
    }
}

impl<'a> Lease<'a> {
    /// Takes the upload for this request.
    async fn take(
        registry: &'a Registry,
        name: &RepositoryName,
        id: &str,
    ) -> Result<(Self, PendingUpload), RegistryError> {
        let token = random::uuid();
        let now = registry.now();
        let (name, id_of_row, token_of_row) = (name.clone(), id.to_owned(), token.clone());
        let upload = registry
            .db()
            .write(Durability::Relaxed, move |sql| {
                let unknown = || RegistryError::UploadUnknown {
                    id: id_of_row.clone(),
                };
                let repository =
                    db::repositories::find_id(sql, name.as_str())?.ok_or_else(unknown)?;
                let upload = db::uploads::find(sql, repository, &id_of_row)?.ok_or_else(unknown)?;
                if !db::uploads::take_lease(sql, &id_of_row, &token_of_row, now)? {
                    return Err(busy(sql, &id_of_row, now)?);
                }
                Ok(upload)
            })
            .await?;
        let lease = Self {
            registry,
            id: id.to_owned(),
            token,
            is_lost: AtomicBool::new(false),
        };
        Ok((lease, upload.pending))
    }

    /// Writes the body.
    async fn receive(
        &self,
        writer: &mut UploadWriter,
        mut body: UploadBody,
    ) -> Result<(), RegistryError> {
        let write_all = async {
            while let Some(bytes) = body.next().await {
                writer.write(bytes?).await?;
                self.registry.check_blob_limit(writer.offset())?;
                self.must_hold(!self.is_lost.load(Ordering::Relaxed))?;
            }
            Ok(())
        };
        self.holding(write_all).await
    }

    /// Does what may take long: the lease does not end meanwhile, however slow client and storage are. What is done is not
    /// disturbed by that, also where the database is away for a moment.
    async fn holding<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            never = self.renew_for_ever() => match never {},
        }
    }

    async fn renew_for_ever(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWAL).await;
            let now = self.registry.now();
            let renewed = self
                .write(move |sql, id, token| db::uploads::renew_lease(sql, id, token, now))
                .await;
            match renewed {
                Ok(true) => {}
                Ok(false) => self.is_lost.store(true, Ordering::Relaxed),
                Err(error) => {
                    tracing::warn!(upload = self.id, %error, "the lease of an upload could not be renewed");
                }
            }
        }
    }

    /// After a request that broke off: what came is kept, and the client may go on from there. Where storage failed,
    /// that is what came before this request.
    async fn interrupt(self, writer: UploadWriter, error: RegistryError) -> RegistryError {
        if let RegistryError::Storage(error) = error {
            return self.storage_failed(error).await;
        }
        let paused = self.holding(writer.pause()).await;
        let stored = match self.or_release(paused).await {
            Ok(paused) => self.store(paused).await,
            Err(error) => Err(error),
        };
        stored.err().unwrap_or(error)
    }

    /// Records what was stored and gives the lease back.
    async fn store(self, pending: PendingUpload) -> Result<(), RegistryError> {
        let now = self.registry.now();
        let held = self
            .write(move |sql, id, token| db::uploads::store(sql, id, token, &pending, now))
            .await?;
        self.must_hold(held)
    }

    /// Gives the lease back and leaves the row as it was. Where even that fails, the lease runs out by itself.
    async fn release(&self) {
        let released = self.write(db::uploads::release_lease).await;
        if let Err(error) = released {
            tracing::warn!(upload = self.id, %error, "the lease of an upload could not be given back");
        }
    }

    /// Deletes the row.
    async fn forget(self) -> Result<(), RegistryError> {
        let held = self.write(db::uploads::delete_leased).await?;
        self.must_hold(held)
    }

    /// After a failed finish: a wrong digest ends the upload, a failing storage does not.
    async fn end(self, error: FinishError) -> RegistryError {
        match error {
            FinishError::Digest { .. } => match self.forget().await {
                Ok(()) => finish_error(error),
                Err(error) => error,
            },
            FinishError::Storage(error) => {
                self.release().await;
                error.into()
            }
        }
    }

    async fn or_release<T>(&self, outcome: Result<T, StorageError>) -> Result<T, RegistryError> {
        match outcome {
            Ok(value) => Ok(value),
            Err(error) => Err(self.storage_failed(error).await),
        }
    }

    /// Storage lost the upload, which ends it, or failed, which does not.
    async fn storage_failed(&self, error: StorageError) -> RegistryError {
        if !matches!(error, StorageError::Lost { .. }) {
            self.release().await;
            return error.into();
        }
        tracing::warn!(upload = self.id, %error, "an upload is given up");
        match self.write(db::uploads::delete_leased).await {
            Ok(_deleted_or_taken_by_others) => RegistryError::UploadUnknown {
                id: self.id.clone(),
            },
            Err(error) => error,
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        change: impl Fn(&mut dyn db::Sql, &str, &str) -> Result<T, db::SqlError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (id, token) = (self.id.clone(), self.token.clone());
        self.registry
            .db()
            .write(Durability::Relaxed, move |sql| change(sql, &id, &token))
            .await
            .map_err(RegistryError::Database)
    }

    fn must_hold(&self, held: bool) -> Result<(), RegistryError> {
        if held {
            return Ok(());
        }
        Err(RegistryError::UploadBusy {
            id: self.id.clone(),
            retry_seconds: LEASE_SECONDS,
        })
    }
}

/// What somebody is told who finds an upload in other hands.
fn busy(sql: &mut dyn db::Sql, id: &str, now: i64) -> Result<RegistryError, db::SqlError> {
    let until = db::uploads::lease_until(sql, id)?.unwrap_or(now);
    let left = Duration::from_micros((until - now).max(0).unsigned_abs());
    // Nodes' clocks may differ; no lease is longer than this.
    let retry_seconds = (left.as_secs() + 1).min(LEASE_SECONDS);
    Ok(RegistryError::UploadBusy {
        id: id.to_owned(),
        retry_seconds,
    })
}

/// The one transaction of a mount.
pub(crate) fn mount(
    sql: &mut dyn db::Sql,
    project: i64,
    name: &RepositoryName,
    sources: &[RepositoryName],
    digest: &Digest,
    now: i64,
) -> Result<bool, RegistryError> {
    for source in sources {
        let Some(from) = db::repositories::find_id(sql, source.as_str())? else {
            continue;
        };
        if db::blobs::find_in_repository(sql, from, digest)?.is_some() {
            let to = db::repositories::find_or_insert(sql, project, name.as_str(), now)?;
            sql.touches_repository(to);
            db::blobs::link(sql, to, digest, now)?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn check_range(id: &str, range: Option<ByteRange>, offset: u64) -> Result<(), RegistryError> {
    match range {
        Some(range) if range.first != offset => Err(RegistryError::UploadRange {
            id: id.to_owned(),
            begins: range.first,
            offset,
        }),
        _ => Ok(()),
    }
}

fn check_length(range: Option<ByteRange>, came: u64) -> Result<(), RegistryError> {
    match range {
        Some(range) if range.length() != came => Err(RegistryError::SizeInvalid {
            said: range.length(),
            came,
        }),
        _ => Ok(()),
    }
}

fn finish_error(error: FinishError) -> RegistryError {
    match error {
        FinishError::Digest { expected, actual } => {
            RegistryError::DigestMismatch { expected, actual }
        }
        FinishError::Storage(error) => error.into(),
    }
}
