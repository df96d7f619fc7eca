//! What every storage promises, case by case, on each of them.

use bytes::Bytes;
use wharf_oci::{Algorithm, Digest, Hasher};
use wharf_registry::storage::{FinishError, ObjectKey, RegistryStorage, StorageError};

use crate::stores::{content, read_all};

/// Runs each case on every storage.
macro_rules! on_every_storage {
    ($($case:ident)*) => {
        mod in_a_folder {
            $(#[tokio::test]
            async fn $case() {
                let (_folder, storage) = crate::stores::local();
                super::$case(&storage).await;
            })*
        }

        mod in_s3 {
            $(#[tokio::test]
            async fn $case() {
                if let Some(storage) = crate::stores::s3().await {
                    super::$case(&storage).await;
                }
            })*
        }
    };
}

on_every_storage! {
    what_is_uploaded_is_read_back
    the_digest_may_be_of_an_algorithm_that_nobody_announced
    an_empty_blob_is_a_blob
    a_wrong_digest_leaves_nothing
    the_same_bytes_twice_are_two_objects
    bytes_of_a_request_that_died_are_dropped
    an_aborted_upload_is_lost
    deleting_twice_is_no_error_and_reading_is
    documents_are_replaced_and_listed_in_pages
    a_large_blob_comes_in_many_requests
    a_large_blob_comes_in_one_request
    a_wrong_digest_of_a_large_blob_leaves_nothing
    a_large_blob_may_have_a_digest_that_nobody_announced
    unfinished_uploads_are_listed_and_freed
    many_objects_are_deleted_at_once
    it_can_be_used_now
}

fn sha512(content: &[u8]) -> Digest {
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(content);
    hasher.finish()
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

async fn what_is_uploaded_is_read_back(storage: &RegistryStorage) {
    let content = content(700_000);
    let (first, second) = content.split_at(300_001);
    let digest = Digest::of(&content);
    let (key, size) = upload(storage, &[first, second], &digest).await.unwrap();
    assert_eq!(size, content.len() as u64);
    assert_eq!(storage.size(&key).await.unwrap(), Some(size));
    assert_eq!(read_all(storage, &key, 0..size).await, content);
    assert_eq!(
        read_all(storage, &key, 299_999..300_003).await,
        content[299_999..300_003]
    );
}

async fn the_digest_may_be_of_an_algorithm_that_nobody_announced(storage: &RegistryStorage) {
    let content = content(400_000);
    let digest = sha512(&content);
    let (first, second) = content.split_at(70_000);
    let mut pending = storage.begin(Algorithm::Sha256);
    for piece in [first, second] {
        let mut writer = storage.open_upload(pending).await.unwrap();
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        pending = writer.pause().await.unwrap();
    }
    let writer = storage.open_upload(pending).await.unwrap();
    let stored = writer.finish(&digest).await.unwrap();
    assert_eq!(read_all(storage, &stored.key, 0..400_000).await, content);
}

async fn an_empty_blob_is_a_blob(storage: &RegistryStorage) {
    let digest = Digest::of(b"");
    let writer = storage
        .open_upload(storage.begin(Algorithm::Sha256))
        .await
        .unwrap();
    let stored = writer.finish(&digest).await.unwrap();
    assert_eq!(storage.size(&stored.key).await.unwrap(), Some(0));
}

async fn a_wrong_digest_leaves_nothing(storage: &RegistryStorage) {
    let outcome = upload(storage, &[b"one", b"two"], &Digest::of(b"three")).await;
    assert!(matches!(outcome, Err(FinishError::Digest { .. })));
    assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
    assert_eq!(storage.list_uploads(None, 10).await.unwrap(), []);
    assert_eq!(storage.list("digests/", None, 10).await.unwrap(), []);
}

async fn the_same_bytes_twice_are_two_objects(storage: &RegistryStorage) {
    let digest = Digest::of(b"same");
    let (one, _) = upload(storage, &[b"same"], &digest).await.unwrap();
    let (other, _) = upload(storage, &[b"same"], &digest).await.unwrap();
    assert_ne!(one, other);
    storage.delete(&one).await.unwrap();
    assert_eq!(read_all(storage, &other, 0..4).await, b"same");
}

async fn bytes_of_a_request_that_died_are_dropped(storage: &RegistryStorage) {
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
    assert_eq!(read_all(storage, &stored.key, 0..10).await, b"kept bytes");
}

async fn an_aborted_upload_is_lost(storage: &RegistryStorage) {
    let mut writer = storage
        .open_upload(storage.begin(Algorithm::Sha512))
        .await
        .unwrap();
    writer.write(Bytes::from_static(b"x")).await.unwrap();
    let pending = writer.pause().await.unwrap();
    storage.abort_upload(&pending.key).await.unwrap();
    storage.abort_upload(&pending.key).await.unwrap();
    let outcome = storage.open_upload(pending).await;
    assert!(matches!(outcome, Err(StorageError::Lost { .. })));
}

async fn deleting_twice_is_no_error_and_reading_is(storage: &RegistryStorage) {
    let (key, _) = upload(storage, &[b"x"], &Digest::of(b"x")).await.unwrap();
    storage.delete(&key).await.unwrap();
    storage.delete(&key).await.unwrap();
    assert_eq!(storage.size(&key).await.unwrap(), None);
    assert!(matches!(
        storage.read(&key, 0..1).await,
        Err(StorageError::NotFound { .. })
    ));
}

async fn documents_are_replaced_and_listed_in_pages(storage: &RegistryStorage) {
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

/// More than one part of an S3 upload, in requests that end within parts.
async fn a_large_blob_comes_in_many_requests(storage: &RegistryStorage) {
    let content = content(21 << 20);
    let (first, rest) = content.split_at(3 << 20);
    let (second, rest) = rest.split_at((9 << 20) + 7);
    let digest = Digest::of(&content);
    let (key, size) = upload(storage, &[first, second, b"", rest], &digest)
        .await
        .unwrap();
    assert_eq!(size, content.len() as u64);
    assert_eq!(storage.size(&key).await.unwrap(), Some(size));
    assert!(read_all(storage, &key, 0..size).await == content);
    let seam = (8 << 20) - 5..(8 << 20) + 5;
    assert_eq!(
        read_all(storage, &key, seam.start as u64..seam.end as u64).await,
        content[seam]
    );
    assert_eq!(storage.list_uploads(None, 10).await.unwrap(), []);
}

async fn a_large_blob_comes_in_one_request(storage: &RegistryStorage) {
    let content = content(17 << 20);
    let pending = storage.begin(Algorithm::Sha256);
    let mut writer = storage.open_upload(pending).await.unwrap();
    for piece in content.chunks(300_000) {
        writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    assert_eq!(writer.offset(), content.len() as u64);
    let stored = writer.finish(&Digest::of(&content)).await.unwrap();
    assert!(read_all(storage, &stored.key, 0..stored.size).await == content);
    storage.delete(&stored.key).await.unwrap();
    assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
    assert_eq!(storage.list("digests/", None, 10).await.unwrap(), []);
}

async fn a_wrong_digest_of_a_large_blob_leaves_nothing(storage: &RegistryStorage) {
    let content = content(10 << 20);
    for digest in [Digest::of(b"other"), sha512(b"other")] {
        let mut pending = storage.begin(Algorithm::Sha256);
        let mut writer = storage.open_upload(pending).await.unwrap();
        writer.write(Bytes::from(content.clone())).await.unwrap();
        pending = writer.pause().await.unwrap();
        let writer = storage.open_upload(pending).await.unwrap();
        let outcome = writer.finish(&digest).await;
        assert!(
            matches!(outcome, Err(FinishError::Digest { .. })),
            "{outcome:?}"
        );
        assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
        assert_eq!(storage.list("digests/", None, 10).await.unwrap(), []);
        assert_eq!(storage.list_uploads(None, 10).await.unwrap(), []);
    }
}

async fn a_large_blob_may_have_a_digest_that_nobody_announced(storage: &RegistryStorage) {
    let content = content(9 << 20);
    let pending = storage.begin(Algorithm::Sha256);
    let mut writer = storage.open_upload(pending).await.unwrap();
    writer.write(Bytes::from(content.clone())).await.unwrap();
    let stored = writer.finish(&sha512(&content)).await.unwrap();
    assert!(read_all(storage, &stored.key, 0..stored.size).await == content);
}

/// Whoever sees that an upload is there and belongs to nobody frees all of it.
async fn unfinished_uploads_are_listed_and_freed(storage: &RegistryStorage) {
    let mut keys = Vec::new();
    for bytes in [1, 9 << 20, 16 << 20, 3] {
        let pending = storage.begin(Algorithm::Sha256);
        let mut writer = storage.open_upload(pending).await.unwrap();
        writer.write(Bytes::from(content(bytes))).await.unwrap();
        keys.push(writer.pause().await.unwrap().key);
    }
    keys.sort_unstable();
    let mut listed = Vec::new();
    loop {
        let page = storage.list_uploads(listed.last(), 3).await.unwrap();
        if page.is_empty() {
            break;
        }
        for upload in page {
            let age = jiff::Timestamp::now().as_microsecond() - upload.touched;
            assert!((-60_000_000..60_000_000).contains(&age), "{age}");
            listed.push(upload.key);
        }
    }
    assert_eq!(listed, keys);
    assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
    for key in &keys {
        storage.abort_upload(key).await.unwrap();
    }
    assert_eq!(storage.list_uploads(None, 10).await.unwrap(), []);
    assert_eq!(storage.list("uploads/", None, 10).await.unwrap(), []);
}

async fn many_objects_are_deleted_at_once(storage: &RegistryStorage) {
    let mut keys = Vec::new();
    for content in [&b"one"[..], b"two", b"three"] {
        keys.push(
            upload(storage, &[content], &Digest::of(content))
                .await
                .unwrap()
                .0,
        );
    }
    keys.push(ObjectKey::of_blob(
        &Digest::of(b"never"),
        &ObjectKey::unique(),
    ));
    storage.delete_all(&keys).await.unwrap();
    storage.delete_all(&[]).await.unwrap();
    assert_eq!(storage.list("blobs/", None, 10).await.unwrap(), []);
}

async fn it_can_be_used_now(storage: &RegistryStorage) {
    storage.check().await.unwrap();
}
