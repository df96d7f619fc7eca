//! A whole registry over each storage: what it acknowledged stays, and what belongs to nobody goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use wharf_oci::{Algorithm, Digest};
use wharf_registry::db::Database;
use wharf_registry::garbage::GarbageWish;
use wharf_registry::repositories::{RepositoryName, UploadBody};
use wharf_registry::storage::{ObjectKey, RegistryStorage};
use wharf_registry::{Clock, Registry, Settings};

use crate::stores::{bytes_of, content};

#[tokio::test]
async fn strays_in_a_folder_are_freed() {
    let (_folder, storage) = crate::stores::local();
    strays_are_freed(&storage).await;
}

#[tokio::test]
async fn strays_in_s3_are_freed() {
    if let Some(storage) = crate::stores::s3().await {
        strays_are_freed(&storage).await;
    }
}

/// A crash between storage and database leaves objects and uploads that no row tells of.
async fn strays_are_freed(storage: &RegistryStorage) {
    let hours = Arc::new(AtomicI64::new(0));
    let later = Arc::clone(&hours);
    let clock = Clock::from_fn(move || {
        Timestamp::now() + SignedDuration::from_hours(later.load(Ordering::Relaxed))
    });
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open_sqlite(&folder.path().join("registry.db"), &clock).unwrap();
    let registry = Registry::open(db, storage.clone(), clock, Settings::default())
        .await
        .unwrap();
    registry
        .prepare_first_start(Some("Harbour-55".to_owned()))
        .await
        .unwrap();
    let name = RepositoryName::parse("library/app").unwrap();
    // The registry's first project.
    let begin = async || {
        registry
            .begin_upload(1, &name, "admin", Algorithm::Sha256)
            .await
    };

    let large = content(9 << 20);
    let digest = Digest::of(&large);
    let acknowledged = begin().await.unwrap();
    for half in large.chunks(5 << 20) {
        registry
            .append_upload(&name, &acknowledged.id, None, body(half))
            .await
            .unwrap();
    }
    registry
        .finish_upload(&name, &acknowledged.id, None, &digest, body(b""))
        .await
        .unwrap();
    let going_on = begin().await.unwrap();
    registry
        .append_upload(&name, &going_on.id, None, body(&large))
        .await
        .unwrap();
    let going_on_keys = upload_keys(storage).await;

    let mut writer = storage
        .open_upload(storage.begin(Algorithm::Sha256))
        .await
        .unwrap();
    writer.write(Bytes::from(large.clone())).await.unwrap();
    writer.pause().await.unwrap();
    let writer = storage
        .open_upload(storage.begin(Algorithm::Sha256))
        .await
        .unwrap();
    writer.finish(&Digest::of(b"")).await.unwrap();
    assert_eq!(upload_keys(storage).await.len(), 2);

    // The blob that was acknowledged is kept by its grace period for an hour, and its key by its row for ever.
    hours.store(1, Ordering::Relaxed);
    let wish = GarbageWish {
        strays: true,
        ..GarbageWish::default()
    };
    assert_eq!(registry.collect_garbage(wish).await.unwrap().strays, 0);
    let blob = registry.find_blob_to_keep(&name, &digest).await.unwrap();
    hours.store(30, Ordering::Relaxed);
    registry.find_blob_to_keep(&name, &digest).await.unwrap();
    let report = registry.collect_garbage(wish).await.unwrap();
    assert_eq!((report.strays, report.objects, report.blobs), (2, 1, 0));
    assert_eq!(upload_keys(storage).await, going_on_keys);
    let read = registry.read_blob(&blob, 0..blob.size).await.unwrap();
    assert!(bytes_of(read).await == large);
    registry
        .finish_upload(&name, &going_on.id, None, &digest, body(b""))
        .await
        .unwrap();
    assert_eq!(upload_keys(storage).await, []);
}

fn body(bytes: &[u8]) -> UploadBody {
    let bytes = Bytes::copy_from_slice(bytes);
    Box::pin(futures_util::stream::iter([Ok(bytes)]))
}

async fn upload_keys(storage: &RegistryStorage) -> Vec<ObjectKey> {
    let uploads = storage.list_uploads(None, 10).await.unwrap();
    uploads.into_iter().map(|upload| upload.key).collect()
}
