//! Object storage on bad days: overloaded, slow, breaking off, dying. What was acknowledged is there, what was not is not
//! seen, and another node goes on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use testkit::{Fault, FaultyS3, S3Server, http_request};
use wharf_oci::{Algorithm, Digest};
use wharf_registry::storage::{
    ObjectKey, PendingUpload, RegistryStorage, S3Config, S3Storage, Secret, StorageError,
};

use crate::stores::{config, content, credentials, open, read_all};

const MEBIBYTE: usize = 1 << 20;
/// A request of the tests that is told to be late is later than this.
const REQUEST_TIMEOUT_SECONDS: u64 = 2;

/// A bucket behind a proxy that fails when told.
struct Bad {
    proxy: FaultyS3,
    config: S3Config,
    storage: RegistryStorage,
}

impl Bad {
    async fn start() -> Option<Self> {
        let server = S3Server::shared()?;
        let proxy = FaultyS3::start(&server.address());
        let mut config = config(server, &proxy.endpoint());
        config.request_timeout_seconds = REQUEST_TIMEOUT_SECONDS;
        config.retry_timeout_seconds = 20;
        let storage = open(&config).await;
        Some(Self {
            proxy,
            config,
            storage,
        })
    }

    /// A node that knows nothing of what the first one did.
    async fn other_node(&self) -> RegistryStorage {
        open(&self.config).await
    }

    fn count(&self, method: &str, fragment: &str) -> usize {
        let requests = self.proxy.requests();
        let fits = |request: &&testkit::PassedRequest| {
            request.method == method && request.target.contains(fragment)
        };
        requests.iter().filter(fits).count()
    }
}

/// One request to an upload.
async fn append(
    storage: &RegistryStorage,
    pending: PendingUpload,
    bytes: &[u8],
) -> Result<PendingUpload, StorageError> {
    let mut writer = storage.open_upload(pending).await?;
    for piece in bytes.chunks(MEBIBYTE) {
        writer.write(Bytes::copy_from_slice(piece)).await?;
    }
    writer.pause().await
}

async fn finish(storage: &RegistryStorage, pending: PendingUpload, content: &[u8]) -> ObjectKey {
    let writer = storage.open_upload(pending).await.unwrap();
    let stored = writer.finish(&Digest::of(content)).await.unwrap();
    assert_eq!(stored.size, content.len() as u64);
    stored.key
}

/// The blob is there, alone and whole.
async fn assert_stored(storage: &RegistryStorage, key: &ObjectKey, content: &[u8]) {
    let listed = storage.list("blobs/", None, 10).await.unwrap();
    let listed: Vec<&ObjectKey> = listed.iter().map(|object| &object.key).collect();
    assert_eq!(listed, [key]);
    assert!(read_all(storage, key, 0..content.len() as u64).await == content);
}

#[tokio::test]
async fn an_overloaded_service_is_asked_again() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    for (method, fragment) in [
        ("POST", "?uploads"),
        ("PUT", "partNumber=1"),
        ("PUT", "partNumber=2"),
        ("PUT", "uploads/"),
        ("GET", "uploadId="),
        ("GET", "uploads/"),
        ("POST", "?uploadId="),
        ("PUT", "digests/"),
        ("POST", "?delete"),
    ] {
        bad.proxy.fail_next(2, method, fragment, Fault::SlowDown);
    }
    let content = content(18 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let pending = append(&bad.storage, pending, &content).await.unwrap();
    let key = finish(&bad.other_node().await, pending, &content).await;
    assert_stored(&bad.storage, &key, &content).await;
    assert_eq!(bad.storage.list_uploads(None, 10).await.unwrap(), []);
    let faults = bad
        .proxy
        .requests()
        .iter()
        .filter(|it| it.fault.is_some())
        .count();
    assert_eq!(faults, 18, "{:#?}", bad.proxy.requests());
}

#[tokio::test]
async fn requests_that_hang_or_break_off_are_made_again() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    let late = Fault::Delay(Duration::from_secs(REQUEST_TIMEOUT_SECONDS * 3));
    bad.proxy.fail_next(1, "POST", "?uploads", late);
    bad.proxy.fail_next(1, "PUT", "partNumber=1", late);
    bad.proxy
        .fail_next(1, "PUT", "partNumber=1", Fault::CutRequest(3_000_000));
    bad.proxy
        .fail_next(1, "PUT", "partNumber=1", Fault::LoseResponse);
    bad.proxy
        .fail_next(1, "PUT", "uploads/", Fault::LoseResponse);
    bad.proxy
        .fail_next(1, "GET", "uploads/", Fault::CutResponse(1000));
    bad.proxy
        .fail_next(1, "PUT", "digests/", Fault::LoseResponse);
    let content = content(12 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let pending = append(&bad.storage, pending, &content).await.unwrap();
    let key = finish(&bad.storage, pending, &content).await;
    bad.proxy
        .fail_next(2, "GET", key.as_str(), Fault::CutResponse(5_000_000));
    assert_stored(&bad.storage, &key, &content).await;
    assert_eq!(bad.count("PUT", "partNumber=1"), 4);
}

/// The service has made the object, and says when it is asked again that it does not know the upload.
#[tokio::test]
async fn a_finished_upload_whose_answer_is_lost_is_finished() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    bad.proxy
        .fail_next(1, "POST", "?uploadId=", Fault::LoseResponse);
    let content = content(9 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let pending = append(&bad.storage, pending, &content).await.unwrap();
    let key = finish(&bad.storage, pending, &content).await;
    assert_eq!(bad.count("POST", "?uploadId="), 2);
    assert_stored(&bad.storage, &key, &content).await;
}

/// The service has begun an upload that nobody knows of: only a listing finds it.
#[tokio::test]
async fn an_upload_whose_beginning_is_lost_is_found_and_freed() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    bad.proxy
        .fail_next(1, "POST", "?uploads", Fault::LoseResponse);
    let content = content(9 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let upload = pending.key.clone();
    let pending = append(&bad.storage, pending, &content).await.unwrap();
    let key = finish(&bad.storage, pending, &content).await;
    let left = bad.storage.list_uploads(None, 10).await.unwrap();
    let left: Vec<&ObjectKey> = left.iter().map(|upload| &upload.key).collect();
    assert_eq!(left, [&upload]);
    bad.storage.abort_upload(&upload).await.unwrap();
    assert_eq!(bad.storage.list_uploads(None, 10).await.unwrap(), []);
    assert_stored(&bad.storage, &key, &content).await;
}

#[tokio::test]
async fn a_service_that_stays_away_is_given_up_in_time_and_the_upload_goes_on_later() {
    let Some(mut bad) = Bad::start().await else {
        return;
    };
    bad.config.retry_timeout_seconds = 2;
    let impatient = bad.other_node().await;
    let content = content(20 * MEBIBYTE);
    let (first, second) = content.split_at(11 * MEBIBYTE);
    let pending = append(&impatient, impatient.begin(Algorithm::Sha256), first)
        .await
        .unwrap();
    bad.proxy.fail_next(usize::MAX, "PUT", "", Fault::SlowDown);
    let begun = Instant::now();
    let error = append(&impatient, pending.clone(), second)
        .await
        .unwrap_err();
    assert!(
        matches!(error, StorageError::Unavailable { .. }),
        "{error:?}"
    );
    // Each request may take its time, and is tried again for its time.
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(bad.storage.list("blobs/", None, 10).await.unwrap(), []);

    bad.proxy.behave();
    let pending = append(&bad.storage, pending, second).await.unwrap();
    let key = finish(&bad.storage, pending, &content).await;
    assert_stored(&bad.storage, &key, &content).await;
}

/// A node dies with parts stored that no record tells of; another one goes on from the last record.
#[tokio::test]
async fn another_node_goes_on_where_one_died_amid_parts() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    let content = content(30 * MEBIBYTE);
    let (first, second) = content.split_at(10 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let pending = append(&bad.storage, pending, first).await.unwrap();
    let mut dying = bad.storage.open_upload(pending.clone()).await.unwrap();
    // Other bytes than those that come later.
    dying
        .write(Bytes::from(vec![0; 25 * MEBIBYTE]))
        .await
        .unwrap();
    assert!(bad.count("PUT", "partNumber=2") > 0);
    drop(dying);
    let other = bad.other_node().await;
    assert_eq!(other.list("blobs/", None, 10).await.unwrap(), []);
    let pending = append(&other, pending, second).await.unwrap();
    let key = finish(&other, pending, &content).await;
    assert_stored(&other, &key, &content).await;
}

/// A request that was given up still has its part on the way, and it arrives after the part of the next request.
#[tokio::test]
async fn a_part_that_comes_too_late_spoils_nothing_in_silence() {
    let Some(bad) = Bad::start().await else {
        return;
    };
    let content = content(17 * MEBIBYTE);
    let pending = bad.storage.begin(Algorithm::Sha256);
    let pending = append(&bad.storage, pending, &content[..9 * MEBIBYTE])
        .await
        .unwrap();
    let good = append(&bad.storage, pending.clone(), &content[9 * MEBIBYTE..])
        .await
        .unwrap();
    append(&bad.other_node().await, pending, &vec![0; 8 * MEBIBYTE])
        .await
        .unwrap();
    let writer = bad.storage.open_upload(good).await.unwrap();
    let outcome = writer.finish(&Digest::of(&content)).await;
    assert!(
        outcome.is_err(),
        "the object would have bytes of another request"
    );
    assert_eq!(bad.storage.list("blobs/", None, 10).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_death_of_the_gateway() {
    let Some(mut server) = S3Server::start() else {
        return;
    };
    let mut config = config(&server, &server.endpoint());
    config.retry_timeout_seconds = 1;
    let storage = open(&config).await;
    let content = content(12 * MEBIBYTE);
    let small = b"small".as_slice();
    let stored = finish(&storage, storage.begin(Algorithm::Sha256), b"").await;
    let pending = append(&storage, storage.begin(Algorithm::Sha256), small)
        .await
        .unwrap();
    let small_key = finish(&storage, pending, small).await;
    let pending = append(
        &storage,
        storage.begin(Algorithm::Sha256),
        &content[..MEBIBYTE],
    )
    .await
    .unwrap();
    server.kill();
    let error = append(&storage, pending.clone(), &content[MEBIBYTE..])
        .await
        .unwrap_err();
    assert!(
        matches!(error, StorageError::Unavailable { .. }),
        "{error:?}"
    );
    server.resume();
    let storage = open(&config).await;
    assert_eq!(storage.size(&stored).await.unwrap(), Some(0));
    assert_eq!(read_all(&storage, &small_key, 0..5).await, small);
    let pending = append(&storage, pending, &content[MEBIBYTE..])
        .await
        .unwrap();
    let key = finish(&storage, pending, &content).await;
    assert!(read_all(&storage, &key, 0..content.len() as u64).await == content);
}

#[tokio::test]
async fn a_signed_url_lets_a_client_read_one_object() {
    let Some(server) = S3Server::shared() else {
        return;
    };
    let mut config = config(server, &server.endpoint());
    assert_eq!(
        open(&config)
            .await
            .redirect_url(&ObjectKey::unique())
            .await
            .unwrap(),
        None
    );
    config.redirect = true;
    let storage = open(&config).await;
    let pending = append(&storage, storage.begin(Algorithm::Sha256), b"harbour")
        .await
        .unwrap();
    let key = finish(&storage, pending, b"harbour").await;
    let url = storage.redirect_url(&key).await.unwrap().unwrap();
    let target = url.strip_prefix(&server.endpoint()).unwrap();
    let got = http_request(
        &server.address(),
        "GET",
        target,
        &[("Range", "bytes=2-")],
        b"",
    );
    assert_eq!((got.status, got.body.as_slice()), (206, &b"rbour"[..]));
    let (unsigned, _) = target.split_once('?').unwrap();
    assert_eq!(
        http_request(&server.address(), "GET", unsigned, &[], b"").status,
        403
    );
}

#[tokio::test]
async fn a_wrong_configuration_says_what_is_wrong() {
    let Some(server) = S3Server::shared() else {
        return;
    };
    let right = config(server, &server.endpoint());
    let fails = async |config: &S3Config| {
        let error = S3Storage::open(config, credentials(config))
            .await
            .unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
    };
    let mut no_bucket = right.clone();
    "no-such-bucket".clone_into(&mut no_bucket.bucket);
    let text = fails(&no_bucket).await;
    assert!(text.contains("the bucket is not there"), "{text}");
    let mut stranger = right.clone();
    stranger.secret_key = Some(Secret::Text("wrong".to_owned()));
    let text = fails(&stranger).await;
    assert!(
        text.contains("SignatureDoesNotMatch")
            && text.contains("check access-key")
            && !text.contains("wrong"),
        "{text}"
    );
    // A newer Wharf was here.
    let key = format!("/{}/wharf/test/format", right.bucket);
    server.request("PUT", &key, b"wharf-registry-storage 2\n");
    let text = fails(&right).await;
    assert!(text.contains("use a newer Wharf"), "{text}");
}
