//! The storages that tests run on, and what they put there.

use tempfile::TempDir;
use testkit::S3Server;
use wharf_registry::storage::{
    BlobBody, LocalStorage, ObjectKey, RegistryStorage, S3Config, S3Credentials, S3Storage, Secret,
};

/// A folder.
pub(crate) fn local() -> (TempDir, RegistryStorage) {
    let folder = tempfile::tempdir().expect("works");
    let storage = LocalStorage::open(folder.path()).expect("works");
    (folder, RegistryStorage::Local(storage))
}

/// A bucket of the real server that all tests of this process share. `None`, said aloud, where it is not installed.
pub(crate) async fn s3() -> Option<RegistryStorage> {
    let server = S3Server::shared()?;
    Some(open(&config(server, &server.endpoint())).await)
}

/// A new bucket of `server`, which is asked at `endpoint`.
pub(crate) fn config(server: &S3Server, endpoint: &str) -> S3Config {
    let mut config = S3Config::new(&server.bucket());
    config.endpoint = Some(endpoint.parse().expect("a URL"));
    "wharf/test".clone_into(&mut config.prefix);
    config.access_key = Some(Secret::Text(server.access_key().to_owned()));
    config.secret_key = Some(Secret::Text(server.secret_key().to_owned()));
    config
}

/// A storage of its own on the bucket, as another node has it.
pub(crate) async fn open(config: &S3Config) -> RegistryStorage {
    let storage = S3Storage::open(config, credentials(config)).await;
    RegistryStorage::S3(storage.expect("works"))
}

pub(crate) fn credentials(config: &S3Config) -> Option<S3Credentials> {
    config.credentials(|_| None).expect("they are written down")
}

pub(crate) async fn read_all(
    storage: &RegistryStorage,
    key: &ObjectKey,
    range: std::ops::Range<u64>,
) -> Vec<u8> {
    bytes_of(storage.read(key, range).await.expect("works")).await
}

pub(crate) async fn bytes_of(body: BlobBody) -> Vec<u8> {
    body.collect().await.expect("works").to_vec()
}

/// Bytes that are not the same everywhere: their period is a prime.
pub(crate) fn content(bytes: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251_u32)
        .map(|at| u8::try_from(at * 31 % 251).expect("less than 251"))
        .collect();
    let mut content = period.repeat(bytes.div_ceil(period.len()));
    content.truncate(bytes);
    content
}
