//! The bucket as a place for blobs and documents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use wharf_oci::Digest;

use super::client::{ByteStream, Client};
use super::config::{S3Config, S3Credentials};
use super::failure::Failure;
use super::part::UploadMemory;
use super::writer::S3Writer;
use crate::storage::{
    BlobBody, ListedObject, ListedUpload, ObjectKey, PendingUpload, StorageError,
};

/// The version of the layout. An older Wharf refuses a newer one.
const FORMAT: &str = "wharf-registry-storage 1\n";
const FORMAT_KEY: &str = "format";
/// Longest format mark that is read, in bytes.
const FORMAT_LIMIT_BYTES: u64 = 1 << 10;
/// Where unfinished bytes lie.
const UPLOADS: &str = "uploads/";
/// Where blobs lie whose digest was not known when their key was made.
const MULTIPART: &str = "blobs/multipart.";
/// How long a client may use the URL that it is sent to.
const REDIRECT_LIFETIME: Duration = Duration::from_mins(20);
/// How many things an upload is expected to hold: what listing asks for at once.
const PAGE: usize = 1000;

/// A bucket of blobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct S3Storage {
    bucket: Arc<Bucket>,
}

/// What all clones share.
#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) memory: UploadMemory,
    redirect: bool,
}

impl S3Storage {
    /// Opens the bucket, marking it if nothing is there yet.
    pub async fn open(
        config: &S3Config,
        credentials: Option<S3Credentials>,
    ) -> Result<Self, StorageError> {
        let what = || format!("opening bucket {}", config.bucket);
        config.check().map_err(|error| StorageError::Failed {
            what: what(),
            cause: Box::new(error),
        })?;
        let client = Client::new(config, credentials)
            .map_err(|error| Failure::Other(error).of_service(what))?;
        let storage = Self {
            bucket: Arc::new(Bucket {
                client,
                memory: UploadMemory::new(config.upload_memory_mebibytes, config.retry_timeout()),
                redirect: config.redirect,
            }),
        };
        storage.check().await?;
        Ok(storage)
    }

    pub(in crate::storage) async fn open_upload(
        &self,
        upload: PendingUpload,
    ) -> Result<S3Writer, StorageError> {
        S3Writer::open(Arc::clone(&self.bucket), upload).await
    }

    pub(in crate::storage) async fn abort_upload(
        &self,
        upload: &ObjectKey,
    ) -> Result<(), StorageError> {
        let client = &self.bucket.client;
        let key = multipart_key(upload);
        let aborted = async {
            for found in client.list_multipart(&key, None, PAGE).await? {
                if found.key == key {
                    client.abort_multipart(&key, &found.id).await?;
                }
            }
            let tails = client.list(&tails(upload), None, PAGE).await?;
            let tails: Vec<String> = tails.into_iter().map(|tail| tail.key).collect();
            client.delete(&tails).await
        };
        aborted
            .await
            .map_err(|failure: Failure| failure.of_service(|| format!("aborting upload {upload}")))
    }

    /// Uploads hold multipart uploads, tails, or both: two listings that are merged.
    pub(in crate::storage) async fn list_uploads(
        &self,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedUpload>, StorageError> {
        let client = &self.bucket.client;
        // No character of a key comes after this one. Not every service skips all of a key that it is told to go on after.
        let after_multipart = after.map(|key| format!("{}~", multipart_key(key)));
        let after_tails = after.map(|key| format!("{}~", tails(key)));
        let (multiparts, tails) = tokio::try_join!(
            client.list_multipart(MULTIPART, after_multipart.as_deref(), PAGE),
            client.list(UPLOADS, after_tails.as_deref(), PAGE),
        )
        .map_err(|failure| failure.of_service(|| "listing uploads".to_owned()))?;
        let multiparts: Vec<(&str, i64)> = multiparts
            .iter()
            .filter_map(|found| Some((found.key.strip_prefix(MULTIPART)?, found.begun)))
            .collect();
        let tails: Vec<(&str, i64)> = tails
            .iter()
            .filter_map(|found| {
                let (upload, _) = found.key.strip_prefix(UPLOADS)?.split_once('/')?;
                Some((upload, found.modified))
            })
            .collect();
        Ok(merge(&multiparts, &tails, limit))
    }

    pub(in crate::storage) async fn read(
        &self,
        key: &ObjectKey,
        range: Range<u64>,
    ) -> Result<BlobBody, StorageError> {
        if range.is_empty() {
            // S3 has no such range.
            return Ok(BlobBody::Stream(Box::pin(futures_util::stream::empty())));
        }
        let pieces = self
            .bucket
            .client
            .get(key.as_str(), Some(range))
            .await
            .map_err(|failure| failure.of_object(key, || format!("reading {key}")))?;
        let key = key.clone();
        let pieces =
            pieces.map_err(move |failure| failure.of_object(&key, || format!("reading {key}")));
        Ok(BlobBody::Stream(Box::pin(pieces)))
    }

    pub(in crate::storage) async fn redirect_url(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<String>, StorageError> {
        if !self.bucket.redirect {
            return Ok(None);
        }
        let url = self
            .bucket
            .client
            .readable_url(key.as_str(), REDIRECT_LIFETIME)
            .await
            .map_err(|failure| failure.of_service(|| format!("signing a URL for {key}")))?;
        Ok(Some(url.into()))
    }

    pub(in crate::storage) async fn size(
        &self,
        key: &ObjectKey,
    ) -> Result<Option<u64>, StorageError> {
        let size = self.bucket.client.size(key.as_str()).await;
        size.map_err(|failure| failure.of_service(|| format!("asking for {key}")))
    }

    pub(in crate::storage) async fn delete(&self, keys: &[ObjectKey]) -> Result<(), StorageError> {
        let deleted = async {
            let client = &self.bucket.client;
            let objects: Vec<String> = keys.iter().map(ToString::to_string).collect();
            client.delete(&objects).await?;
            // After the objects: who dies in between finds them by the same keys again.
            let mut sidecars = Vec::new();
            for key in objects.iter().filter(|key| key.starts_with(MULTIPART)) {
                let found = client.list(&sidecars_of(key), None, PAGE).await?;
                sidecars.extend(found.into_iter().map(|sidecar| sidecar.key));
            }
            client.delete(&sidecars).await
        };
        deleted.await.map_err(|failure: Failure| {
            failure.of_service(|| format!("deleting {} objects", keys.len()))
        })
    }

    pub(in crate::storage) async fn put_document(
        &self,
        key: &ObjectKey,
        content: Vec<u8>,
    ) -> Result<(), StorageError> {
        let stored = self
            .bucket
            .client
            .put(key.as_str(), Bytes::from(content))
            .await;
        stored.map_err(|failure| failure.of_service(|| format!("writing {key}")))
    }

    pub(in crate::storage) async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedObject>, StorageError> {
        let found = self
            .bucket
            .client
            .list(prefix, after.map(ObjectKey::as_str), limit)
            .await
            .map_err(|failure| failure.of_service(|| "listing objects".to_owned()))?;
        let objects = found.into_iter().filter_map(|object| {
            Some(ListedObject {
                key: ObjectKey::parse(&object.key)?,
                size: object.size,
                modified: object.modified,
            })
        });
        Ok(objects.collect())
    }

    pub(in crate::storage) async fn check(&self) -> Result<(), StorageError> {
        let what = || "reading the format of storage".to_owned();
        let client = &self.bucket.client;
        match client.get(FORMAT_KEY, None).await {
            Ok(pieces) => check_format(&start_of(pieces).await.map_err(|it| it.of_service(what))?),
            Err(Failure::NotFound) => {
                let marked = client.put(FORMAT_KEY, Bytes::from_static(FORMAT.as_bytes()));
                marked.await.map_err(|failure| failure.of_service(what))
            }
            Err(failure) => Err(failure.of_service(what)),
        }
    }
}

/// The key of an upload's multipart upload, and of the object that it becomes.
pub(super) fn multipart_key(upload: &ObjectKey) -> String {
    format!("{MULTIPART}{upload}")
}

/// What the keys of an upload's tails begin with.
pub(super) fn tails(upload: &ObjectKey) -> String {
    format!("{UPLOADS}{upload}/")
}

/// What the keys of an object's sidecars begin with. It has one.
fn sidecars_of(key: &str) -> String {
    format!("digests/{key}/")
}

/// The key of the sidecar that says which digest the object at `key` has.
pub(super) fn sidecar(key: &str, digest: &Digest) -> String {
    let algorithm = digest.algorithm().name();
    format!("{}{algorithm}/{}", sidecars_of(key), digest.hex())
}

/// One entry for each upload, in the order of keys. Where a listing had to stop, the other one counts up to there only.
fn merge(multiparts: &[(&str, i64)], tails: &[(&str, i64)], limit: usize) -> Vec<ListedUpload> {
    let end = [multiparts, tails]
        .iter()
        .filter(|listing| listing.len() >= PAGE)
        .filter_map(|listing| listing.last().map(|(key, _)| *key))
        .min();
    let mut uploads: BTreeMap<&str, i64> = BTreeMap::new();
    for (key, touched) in multiparts.iter().chain(tails) {
        if end.is_none_or(|end| *key <= end) {
            let latest = uploads.entry(key).or_insert(*touched);
            *latest = (*latest).max(*touched);
        }
    }
    let listed = uploads.into_iter().filter_map(|(key, touched)| {
        Some(ListedUpload {
            key: ObjectKey::parse(key)?,
            touched,
        })
    });
    listed.take(limit).collect()
}

async fn start_of(mut pieces: ByteStream) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        text.extend_from_slice(&piece);
        if text.len() as u64 > FORMAT_LIMIT_BYTES {
            break;
        }
    }
    Ok(text)
}

fn check_format(text: &[u8]) -> Result<(), StorageError> {
    if text == FORMAT.as_bytes() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(text);
    Err(StorageError::Failed {
        what: "opening object storage".to_owned(),
        cause: format!(
            "it is marked {:?}, and this Wharf reads {:?}; use a newer Wharf",
            text.trim(),
            FORMAT.trim()
        )
        .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_listed_once_and_only_where_both_listings_reach() {
        let keys = |uploads: &[ListedUpload]| {
            let keys = uploads.iter().map(|upload| upload.key.to_string());
            keys.collect::<Vec<_>>()
        };
        let merged = merge(&[("b", 1), ("d", 9)], &[("a", 2), ("b", 3), ("b", 2)], 10);
        assert_eq!(keys(&merged), ["a", "b", "d"]);
        assert_eq!(merged[1].touched, 3);
        assert_eq!(keys(&merge(&[("b", 1)], &[("a", 2)], 1)), ["a"]);
        let full = vec![("c", 1); PAGE];
        assert_eq!(keys(&merge(&[("b", 1), ("d", 1)], &full, 10)), ["b", "c"]);
    }
}
