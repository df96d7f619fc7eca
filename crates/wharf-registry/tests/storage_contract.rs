//! What every storage promises, case by case, on each of them.

#![expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]

use bytes::Bytes;
use futures_util::StreamExt as _;
use tempfile::TempDir;
use wharf_oci::{Algorithm, Digest};
use wharf_registry::storage::{
    BlobBody, FinishError, LocalStorage, ObjectKey, RegistryStorage, StorageError,
};

fn local() -> (TempDir, RegistryStorage) {
    let folder = tempfile::tempdir().expect("works");
    let storage = LocalStorage::open(folder.path()).expect("works");
    (folder, RegistryStorage::Local(storage))
}

async fn read_all(
    storage: &RegistryStorage,
    key: &ObjectKey,
    range: std::ops::Range<u64>,
) -> Vec<u8> {
    match storage.read(key, range).await.expect("works") {
        BlobBody::File { file, range } => {
            use std::os::unix::fs::FileExt as _;
            let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("works")];
            file.read_exact_at(&mut bytes, range.start).expect("works");
            bytes
        }
        BlobBody::Stream(mut pieces) => {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece.expect("works"));
            }
            bytes
        }
    }
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|at| u8::try_from(at * 31 % 251).expect("works"))
        .collect()
}

/// Uploads `content` in pieces, one request each.
async fn upload(
    storage: &RegistryStorage,
    pieces: &[&[u8]],
    digest: &Digest,
) -> Result<(ObjectKey, u64), FinishError> {
    let mut pending = storage.begin(digest.algorithm());
    for piece in pieces {
        let mut writer = storage.open_upload(pending).await?;
        writer.write(Bytes::copy_from_slice(piece)).await?;
        pending = writer.pause().await?;
    }
    let writer = storage.open_upload(pending).await?;
    let stored = writer.finish(digest).await?;
    Ok((stored.key, stored.size))
}

#[tokio::test]
async fn what_is_uploaded_is_read_back() {
    let (_folder, storage) = local();
    let content = content(700_000);
    let (first, second) = content.split_at(300_001);
    let digest = Digest::of(&content);
    let (key, size) = upload(&storage, &[first, second], &digest).await.unwrap();
    assert_eq!(size, content.len() as u64);
    assert_eq!(storage.size(&key).await.unwrap(), Some(size));
    assert_eq!(read_all(&storage, &key, 0..size).await, content);
    assert_eq!(
        read_all(&storage, &key, 299_999..300_003).await,
        content[299_999..300_003]
    );
}

#[tokio::test]
async fn the_digest_may_be_of_an_algorithm_that_nobody_announced() {
    let (_folder, storage) = local();
    let content = content(400_000);
    let mut hasher = wharf_oci::Hasher::new(Algorithm::Sha512);
    hasher.update(&content);
    let digest = hasher.finish();
    let (first, second) = content.split_at(70_000);
    let mut pending = storage.begin(Algorithm::Sha256);
    for piece in [first, second] {
        let mut writer = storage.open_upload(pending).await.unwrap();
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        pending = writer.pause().await.unwrap();
    }
    let writer = storage.open_upload(pending).await.unwrap();
    let stored = writer.finish(&digest).await.unwrap();
    assert_eq!(read_all(&storage, &stored.key, 0..400_000).await, content);
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let (_folder, storage) = local();
    let digest = Digest::of(b"");
    let writer = storage
        .open_upload(storage.begin(Algorithm::Sha256))
        .await
        .unwrap();
    let stored = writer.finish(&digest).await.unwrap();
    assert_eq!(storage.size(&stored.key).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_wrong_digest_leaves_nothing() {
    let (_folder, storage) = local();
    let outcome = upload(&storage, &[b"one", b"two"], &Digest::of(b"three")).await;
    assert!(matches!(outcome, Err(FinishError::Digest { .. })));
    assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
    assert_eq!(storage.list("uploads/", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn the_same_bytes_twice_are_two_objects() {
    let (_folder, storage) = local();
    let digest = Digest::of(b"same");
    let (one, _) = upload(&storage, &[b"same"], &digest).await.unwrap();
    let (other, _) = upload(&storage, &[b"same"], &digest).await.unwrap();
    assert_ne!(one, other);
    storage.delete(&one).await.unwrap();
    assert_eq!(read_all(&storage, &other, 0..4).await, b"same");
}

#[tokio::test]
async fn bytes_of_a_request_that_died_are_dropped() {
    let (_folder, storage) = local();
    let mut writer = storage
        .open_upload(storage.begin(Algorithm::Sha256))
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"kept ")).await.unwrap();
    let pending = writer.pause().await.unwrap();
    let mut dying = storage.open_upload(pending.clone()).await.unwrap();
    dying.write(Bytes::from(content(600_000))).await.unwrap();
    drop(dying);
    let mut writer = storage.open_upload(pending).await.unwrap();
    assert_eq!(writer.offset(), 5);
    writer.write(Bytes::from_static(b"bytes")).await.unwrap();
    let stored = writer.finish(&Digest::of(b"kept bytes")).await.unwrap();
    assert_eq!(read_all(&storage, &stored.key, 0..10).await, b"kept bytes");
}

#[tokio::test]
async fn an_aborted_upload_is_lost() {
    let (_folder, storage) = local();
    let mut writer = storage
        .open_upload(storage.begin(Algorithm::Sha512))
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"x")).await.unwrap();
    let pending = writer.pause().await.unwrap();
    storage.abort_upload(&pending).await.unwrap();
    storage.abort_upload(&pending).await.unwrap();
    let outcome = storage.open_upload(pending).await;
    assert!(matches!(outcome, Err(StorageError::Lost { .. })));
}

#[tokio::test]
async fn deleting_twice_is_no_error_and_reading_is() {
    let (_folder, storage) = local();
    let (key, _) = upload(&storage, &[b"x"], &Digest::of(b"x")).await.unwrap();
    storage.delete(&key).await.unwrap();
    storage.delete(&key).await.unwrap();
    assert_eq!(storage.size(&key).await.unwrap(), None);
    assert!(matches!(
        storage.read(&key, 0..1).await,
        Err(StorageError::NotFound { .. })
    ));
}

#[tokio::test]
async fn documents_are_replaced_and_listed_in_pages() {
    let (_folder, storage) = local();
    let names = [
        "records/a",
        "records/a.b",
        "records/a-c/x",
        "records/b/y",
        "records/c",
    ];
    for name in names {
        let key = ObjectKey::parse(name).unwrap();
        storage
            .put_document(&key, b"old".to_vec())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        storage.put_document(&key, b"new!".to_vec()).await.unwrap();
        assert_eq!(storage.size(&key).await.unwrap(), Some(4));
    }
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    let mut seen = Vec::new();
    loop {
        let page = storage.list("records/", seen.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|object| object.key));
    }
    let seen: Vec<&str> = seen.iter().map(ObjectKey::as_str).collect();
    assert_eq!(seen, sorted);
}
