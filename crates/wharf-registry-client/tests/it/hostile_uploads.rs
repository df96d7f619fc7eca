//! Uploads to registries that break off, forget and set limits.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use wharf_oci::Digest;
use wharf_registry_client::{
    BlobSource, ClientConfig, Credentials, MountOutcome, RepositoryClient, UploadError, UploadMode,
};

use crate::docker_registry::client;
use crate::hostile_server::{HostileServer, Reply, Request};
use crate::real::{content, descriptor};

const SIZE: usize = 1_000_000;

fn connect(server: &HostileServer) -> RepositoryClient {
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    client.repository(&server.repository("a")).unwrap()
}

/// What an upload has brought so far, and what came of it.
#[derive(Debug, Default)]
struct Received {
    bytes: Vec<u8>,
    done: bool,
}

// A registry that keeps what comes, with `first` deciding whether to do something else.
async fn registry(
    first: impl Fn(&Request, &mut Received) -> Option<Reply> + Send + Sync + 'static,
) -> (HostileServer, Arc<Mutex<Received>>) {
    let received = Arc::<Mutex<Received>>::default();
    let kept = Arc::clone(&received);
    let server = HostileServer::start(move |request| {
        let mut kept = kept.lock().unwrap();
        if let Some(reply) = first(request, &mut kept) {
            return reply;
        }
        let accepted = |kept: &Received, status| {
            Reply::new(status)
                .header("location", "/v2/a/blobs/uploads/1?state=x")
                .header(
                    "range",
                    &format!("0-{}", kept.bytes.len().saturating_sub(1)),
                )
        };
        match request.method.as_str() {
            "POST" => {
                kept.bytes.clear();
                accepted(&kept, 202)
            }
            "GET" => accepted(&kept, 204),
            "PATCH" => {
                kept.bytes.extend_from_slice(&request.body);
                accepted(&kept, 202)
            }
            "PUT" => {
                kept.bytes.extend_from_slice(&request.body);
                kept.done = true;
                Reply::new(201)
            }
            _ => Reply::new(404),
        }
    })
    .await;
    (server, received)
}

async fn upload(server: &HostileServer, mode: UploadMode) -> Result<(), UploadError> {
    let blob = content(SIZE);
    let session = connect(server).start_upload().await?;
    let source: Arc<dyn BlobSource> = Arc::new(Pieces(blob.clone()));
    session.send(&descriptor(&blob), source, mode).await
}

/// A source that gives uneven pieces, as a file would.
struct Pieces(Bytes);

impl BlobSource for Pieces {
    fn chunks(&self, offset: u64) -> BoxStream<'static, std::io::Result<Bytes>> {
        let rest = self.0.slice(usize::try_from(offset).unwrap()..);
        let pieces: Vec<_> = <[u8]>::chunks(&rest, 70_001)
            .map(|piece| rest.slice_ref(piece))
            .collect();
        futures_util::stream::iter(pieces.into_iter().map(Ok)).boxed()
    }
}

fn methods(server: &HostileServer) -> Vec<String> {
    server
        .requests()
        .into_iter()
        .map(|request| request.method)
        .collect()
}

#[tokio::test]
async fn an_upload_goes_on_where_the_registry_stands() {
    for mode in [UploadMode::Whole, UploadMode::Streamed] {
        let calls = AtomicUsize::new(0);
        let (server, received) = registry(move |request, kept| {
            let sends = matches!(request.method.as_str(), "PUT" | "PATCH");
            if sends && calls.fetch_add(1, Ordering::Relaxed) == 0 {
                kept.bytes.extend_from_slice(&request.body[..400_000]);
                return Some(Reply::new(500));
            }
            None
        })
        .await;
        upload(&server, mode).await.unwrap();
        let received = received.lock().unwrap();
        assert!(received.done && received.bytes == content(SIZE), "{mode:?}");
        let requests = server.requests();
        let resumed = requests.iter().rev().find(|r| r.method == "PATCH").unwrap();
        assert_eq!(resumed.header("content-range"), Some("400000-999999"));
        let last = requests.last().unwrap();
        let digest = Digest::of(&content(SIZE)).to_string().replace(':', "%3A");
        assert_eq!(
            last.line(),
            format!("PUT /v2/a/blobs/uploads/1?state=x&digest={digest}")
        );
    }
}

#[tokio::test]
async fn chunks_are_as_large_as_the_registry_wants() {
    let (server, received) = registry(|request, kept| {
        (request.method == "POST").then(|| {
            kept.bytes.clear();
            Reply::new(202)
                .header("location", "/v2/a/blobs/uploads/1")
                .header("oci-chunk-min-length", "400000")
        })
    })
    .await;
    upload(&server, UploadMode::Chunked { chunk_bytes: 1000 })
        .await
        .unwrap();
    assert!(received.lock().unwrap().bytes == content(SIZE));
    let sizes: Vec<_> = server
        .requests()
        .iter()
        .map(|request| request.body.len())
        .collect();
    assert_eq!(sizes, [0, 400_000, 400_000, 200_000, 0]);
}

#[tokio::test]
async fn what_is_too_large_at_once_is_sent_in_chunks() {
    let (server, received) = registry(|request, _| {
        (request.method == "PUT" && !request.body.is_empty()).then(|| Reply::new(413))
    })
    .await;
    upload(&server, UploadMode::Whole).await.unwrap();
    assert!(received.lock().unwrap().bytes == content(SIZE));
    assert_eq!(methods(&server), ["POST", "PUT", "POST", "PATCH", "PUT"]);
}

#[tokio::test]
async fn an_upload_that_was_forgotten_begins_anew() {
    let calls = AtomicUsize::new(0);
    let (server, received) = registry(move |request, _| {
        let forgets = request.method == "PUT" && calls.fetch_add(1, Ordering::Relaxed) == 0;
        forgets.then(|| Reply::new(404).json(r#"{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}"#))
    })
    .await;
    upload(&server, UploadMode::Whole).await.unwrap();
    assert!(received.lock().unwrap().bytes == content(SIZE));
    assert_eq!(methods(&server), ["POST", "PUT", "HEAD", "POST", "PUT"]);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_not_a_failure() {
    let (server, received) = registry(|request, kept| match request.method.as_str() {
        "PUT" => {
            kept.bytes.extend_from_slice(&request.body);
            kept.done = true;
            Some(Reply::new(502))
        }
        "GET" => Some(Reply::new(404)),
        "HEAD" => Some(Reply::new(200).announcing(SIZE)),
        _ => None,
    })
    .await;
    upload(&server, UploadMode::Whole).await.unwrap();
    assert!(received.lock().unwrap().done);
    assert_eq!(methods(&server), ["POST", "PUT", "GET", "HEAD"]);
}

#[tokio::test]
async fn refusals_end_an_upload() {
    let denied =
        r#"{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}"#;
    let (server, _) =
        registry(move |request, _| (request.method == "PUT").then(|| Reply::new(403).json(denied)))
            .await;
    let error = upload(&server, UploadMode::Whole).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "denied: requested access to the resource is denied"
    );
    let (server, _) =
        registry(|request, _| (request.method == "PUT").then(|| Reply::new(500))).await;
    let error = upload(&server, UploadMode::Whole).await.unwrap_err();
    assert!(
        error.to_string().contains("500 Internal Server Error"),
        "{error}"
    );
    let (server, _) = registry(|_, _| Some(Reply::new(202))).await;
    let error = upload(&server, UploadMode::Whole).await.unwrap_err();
    assert!(matches!(error, UploadError::Location { .. }), "{error}");
    let other = Digest::of(b"other").to_string();
    let (server, _) = registry(move |request, _| {
        (request.method == "PUT").then(|| Reply::new(201).header("docker-content-digest", &other))
    })
    .await;
    let error = upload(&server, UploadMode::Whole).await.unwrap_err();
    assert!(matches!(error, UploadError::WrongDigest(_)), "{error}");
}

#[tokio::test]
async fn a_source_that_fails_ends_the_upload() {
    struct Broken;
    impl BlobSource for Broken {
        fn chunks(&self, _offset: u64) -> BoxStream<'static, std::io::Result<Bytes>> {
            let error = std::io::Error::other("the disk is on fire");
            let chunks = vec![Ok(Bytes::from_static(b"x")), Err(error)];
            futures_util::stream::iter(chunks).boxed()
        }
    }
    let (server, received) = registry(|_, _| None).await;
    let session = connect(&server).start_upload().await.unwrap();
    let whole = descriptor(&content(SIZE));
    let sent = session.send(&whole, Arc::new(Broken), UploadMode::Whole);
    let error = sent.await.unwrap_err().to_string();
    assert!(error.contains("the disk is on fire"), "{error}");
    assert!(!received.lock().unwrap().done);
}

#[tokio::test]
async fn a_mount_that_is_refused_becomes_an_upload() {
    let (server, _) =
        registry(|request, _| request.target.contains("mount=").then(|| Reply::new(403))).await;
    let client = connect(&server);
    let from = server.repository("from");
    let outcome = client.mount_blob(&Digest::of(b"x"), &from).await.unwrap();
    assert!(matches!(outcome, MountOutcome::Upload(_)));
    let digest = Digest::of(b"x").to_string().replace(':', "%3A");
    let lines = server.lines();
    assert_eq!(
        lines[0],
        format!("POST /v2/a/blobs/uploads/?mount={digest}&from=from")
    );
    assert_eq!(lines[1], "POST /v2/a/blobs/uploads/");
}
