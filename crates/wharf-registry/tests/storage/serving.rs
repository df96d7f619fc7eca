//! A registry over S3 as its clients see it: the bytes pass through it, or it sends the client to the service.

use bytes::Bytes;
use testkit::{HttpResponse, S3Server, http_request};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use wharf_oci::{Algorithm, Digest};
use wharf_registry::db::Database;
use wharf_registry::http::{Server, ServerSettings};
use wharf_registry::repositories::RepositoryName;
use wharf_registry::storage::RegistryStorage;
use wharf_registry::{Clock, Registry, Settings};

use crate::stores::{config, content, open};

#[tokio::test]
async fn bytes_come_through_the_registry_or_from_the_service() {
    let Some(server) = S3Server::shared() else {
        return;
    };
    let mut config = config(server, &server.endpoint());
    let blob = content(9 << 20);
    let digest = Digest::of(&blob);
    let target = format!("/v2/library/app/blobs/{digest}");

    let registry = serve(open(&config).await, &blob, &digest).await;
    let whole = ask(&registry, "GET", &target, "bytes=0-").await;
    assert_eq!(whole.status, 206);
    assert!(whole.body == blob);
    let part = ask(&registry, "GET", &target, "bytes=8388600-8388615").await;
    assert_eq!(part.body, blob[8_388_600..8_388_616]);

    config.redirect = true;
    let registry = serve(open(&config).await, &blob, &digest).await;
    let head = ask(&registry, "HEAD", &target, "").await;
    let length = blob.len().to_string();
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some(length.as_str()))
    );
    let sent_on = ask(&registry, "GET", &target, "bytes=8388600-8388615").await;
    assert_eq!(
        (sent_on.status, sent_on.header("cache-control")),
        (307, Some("no-store"))
    );
    let url = sent_on.header("location").unwrap();
    let there = url.strip_prefix(&server.endpoint()).unwrap();
    let part = ask(&server.address(), "GET", there, "bytes=8388600-8388615").await;
    assert_eq!(part.body, blob[8_388_600..8_388_616]);
}

/// Serves a registry that has the blob in a public repository, as long as the runtime lives. Gives its address.
async fn serve(storage: RegistryStorage, blob: &[u8], digest: &Digest) -> String {
    let clock = Clock::system();
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open_sqlite(&folder.path().join("registry.db"), &clock).unwrap();
    let registry = Registry::open(db, storage, clock, Settings::default())
        .await
        .unwrap();
    let password = Some("Harbour-55".to_owned());
    registry.prepare_first_start(password).await.unwrap();
    let name = RepositoryName::parse("library/app").unwrap();
    // The registry's first project.
    let upload = registry
        .begin_upload(1, &name, "admin", Algorithm::Sha256)
        .await
        .unwrap();
    let bytes = Bytes::copy_from_slice(blob);
    let body = Box::pin(futures_util::stream::iter([Ok(bytes)]));
    registry
        .finish_upload(&name, &upload.id, None, digest, body)
        .await
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        // The folder and the sender stay until the runtime ends.
        let (_stop, stopped) = watch::channel(false);
        let _folder = folder;
        let server = Server::new(registry, ServerSettings::default());
        server.serve(listener, stopped).await;
    });
    address
}

/// One request from a thread of its own: the servers run on the test's.
async fn ask(
    address: &str,
    method: &'static str,
    target: &str,
    range: &'static str,
) -> HttpResponse {
    let (address, target) = (address.to_owned(), target.to_owned());
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let range = [("Range", range)];
        let headers = if range[0].1.is_empty() {
            &[][..]
        } else {
            &range[..]
        };
        sender.send(http_request(&address, method, &target, headers, b""))
    });
    receiver.await.unwrap()
}
