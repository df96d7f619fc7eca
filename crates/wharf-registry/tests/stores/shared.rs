//! What a test's server keeps its data in: PostgreSQL and S3, each server with a database and a bucket of its own.

use std::path::Path;
use std::sync::Arc;

use testkit::SharedStores;
use wharf_registry::Clock;
use wharf_registry::db::{Database, PostgresSettings};
use wharf_registry::storage::{RegistryStorage, S3Config, S3Storage, Secret};

#[path = "folder.rs"]
mod folder;

/// Makes both. Where a server is not installed, which is said aloud, a folder has to do.
pub(crate) fn open(path: &Path, clock: &Clock) -> (Database, RegistryStorage) {
    let Some(stores) = SharedStores::new() else {
        return folder::open(path, clock);
    };
    let tls = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let settings = PostgresSettings {
        url: stores.database.clone(),
        connections: 3,
        tls: Arc::new(tls),
    };
    let db = Database::open_postgres(&settings, clock).expect("a database");
    (db, RegistryStorage::S3(bucket(&stores)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests run a runtime of their own"
)]
fn bucket(stores: &SharedStores) -> S3Storage {
    let mut config = S3Config::new(&stores.bucket);
    config.endpoint = Some(stores.s3.endpoint().parse().expect("a URL"));
    config.access_key = Some(Secret::Text(stores.s3.access_key().to_owned()));
    config.secret_key = Some(Secret::Text(stores.s3.secret_key().to_owned()));
    let credentials = config.credentials(|_| None).expect("credentials");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime
        .block_on(S3Storage::open(&config, credentials))
        .expect("a bucket")
}
