//! Blobs from registries that break off, lie and stall.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf_registry_client::{
    BlobError, BlobStream, ClientConfig, ClientEvent, Credentials, RepositoryClient, RetryPolicy,
    Timeouts,
};

use crate::docker_registry::client;
use crate::hostile_server::{HostileServer, Reply, Request};
use crate::real::{content, descriptor, pull};

const SIZE: usize = 1_000_000;

fn connect(server: &HostileServer) -> RepositoryClient {
    let config = ClientConfig {
        timeouts: Timeouts {
            idle: Duration::from_millis(300),
            ..Timeouts::default()
        },
        ..ClientConfig::default()
    };
    let client = client(config, Credentials::Anonymous);
    client.repository(&server.repository("a")).unwrap()
}

// Where a `Range: bytes=N-` begins.
fn range_start(request: &Request) -> Option<usize> {
    let range = request.header("range")?;
    let start = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    Some(start.parse().unwrap())
}

// A registry that serves ranges as it should.
fn honest(request: &Request, blob: &[u8]) -> Reply {
    match range_start(request) {
        None => Reply::new(200).body(blob),
        Some(start) => {
            let range = format!("bytes {start}-{}/{}", blob.len() - 1, blob.len());
            Reply::new(206)
                .header("content-range", &range)
                .body(&blob[start..])
        }
    }
}

async fn drain(stream: &mut BlobStream) -> Result<Vec<u8>, BlobError> {
    let mut pulled = Vec::new();
    while let Some(chunk) = stream.next_chunk().await? {
        pulled.extend_from_slice(&chunk);
    }
    Ok(pulled)
}

async fn try_pull(client: &RepositoryClient, blob: &[u8]) -> Result<Vec<u8>, BlobError> {
    let mut stream = client.open_blob(&descriptor(blob), 0).await?;
    drain(&mut stream).await
}

#[tokio::test]
async fn a_blob_that_breaks_off_is_taken_up_where_it_broke() {
    let blob = content(SIZE);
    let served = blob.clone();
    let server = HostileServer::start(move |request| {
        let reply = honest(request, &served);
        reply.cut_at(300_000)
    })
    .await;
    assert!(pull(&connect(&server), &blob, 0).await == blob);
    let starts: Vec<_> = server.requests().iter().map(range_start).collect();
    assert_eq!(starts, [None, Some(300_000), Some(600_000), Some(900_000)]);
    // From an offset on, nothing before it is asked for.
    assert!(pull(&connect(&server), &blob, 800_000).await == blob[800_000..]);
    let starts: Vec<_> = server.requests().iter().map(range_start).collect();
    assert_eq!(starts[4..], [Some(800_000)]);
}

#[tokio::test]
async fn a_server_without_ranges_costs_only_time() {
    for refuses_ranges in [false, true] {
        let blob = content(SIZE);
        let served = blob.clone();
        let calls = AtomicUsize::new(0);
        let server = HostileServer::start(move |request| {
            if refuses_ranges && range_start(request).is_some() {
                return Reply::new(416);
            }
            let reply = Reply::new(200).body(&served);
            match calls.fetch_add(1, Ordering::Relaxed) {
                0 => reply.cut_at(300_000),
                1 => reply.cut_at(700_000),
                _ => reply,
            }
        })
        .await;
        assert!(pull(&connect(&server), &blob, 0).await == blob);
        assert!(pull(&connect(&server), &blob, 999_999).await == blob[999_999..]);
    }
}

#[tokio::test]
async fn a_server_may_give_less_than_the_whole_rest() {
    let blob = content(SIZE);
    let served = blob.clone();
    let server = HostileServer::start(move |request| {
        let start = range_start(request).unwrap_or(0);
        let end = (start + 400_000).min(SIZE);
        Reply::new(if range_start(request).is_some() {
            206
        } else {
            200
        })
        .header(
            "content-range",
            &format!("bytes {start}-{}/{SIZE}", end - 1),
        )
        .body(&served[start..end])
    })
    .await;
    assert!(pull(&connect(&server), &blob, 1).await == blob[1..]);
}

#[tokio::test]
async fn lies_about_the_length_are_errors() {
    let blob = content(SIZE);
    for (reply, expected) in [
        (Reply::new(200).body(&blob[1..]), 999_999),
        (Reply::new(200).body([&blob[..], b"x"].concat()), 1_000_001),
        (
            Reply::new(200)
                .body([&blob[..], b"xy"].concat())
                .unannounced(),
            1_000_002,
        ),
        (Reply::new(200).body(&blob).announcing(5_000_000), 5_000_000),
    ] {
        let server = HostileServer::start(move |_| reply.clone()).await;
        let error = try_pull(&connect(&server), &blob).await.unwrap_err();
        let BlobError::WrongLength { actual, .. } = error else {
            panic!("{error}");
        };
        // Bytes behind the end may come in several chunks.
        assert!(
            (1_000_001..=expected).contains(&actual) || actual == expected,
            "{actual}"
        );
    }
    let wrong_total = Reply::new(206)
        .header("content-range", "bytes 10-99/100")
        .body([0; 90]);
    let server = HostileServer::start(move |_| wrong_total.clone()).await;
    let opened = connect(&server).open_blob(&descriptor(&blob), 10).await;
    assert!(matches!(
        opened,
        Err(BlobError::WrongLength { actual: 100, .. })
    ));
}

#[tokio::test]
async fn ranges_that_were_not_asked_for_are_errors() {
    let blob = content(1000);
    for (range, body) in [
        ("bytes 20-999/1000", 980),
        ("bytes 0-5/1000", 6),
        ("bytes 10-999/1000", 5),
        ("nonsense", 990),
    ] {
        let reply = Reply::new(206)
            .header("content-range", range)
            .body(vec![0; body]);
        let server = HostileServer::start(move |_| reply.clone()).await;
        let error = connect(&server).open_blob(&descriptor(&blob), 10).await;
        assert!(matches!(error, Err(BlobError::Request(_))), "{range}");
    }
    let compressed = Reply::new(200)
        .header("content-encoding", "gzip")
        .body(&blob);
    let server = HostileServer::start(move |_| compressed.clone()).await;
    let error = try_pull(&connect(&server), &blob).await.unwrap_err();
    assert!(
        error.to_string().contains("unexpected Content-Encoding"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stalled_stream_is_given_up_and_taken_up_again() {
    let blob = content(SIZE);
    let served = blob.clone();
    let server = HostileServer::start(move |request| match range_start(request) {
        None => honest(request, &served).stall_at(500_000),
        Some(_) => honest(request, &served),
    })
    .await;
    assert!(pull(&connect(&server), &blob, 0).await == blob);
    assert_eq!(range_start(&server.requests()[1]), Some(500_000));
}

#[tokio::test]
async fn without_progress_attempts_are_counted() {
    let blob = content(SIZE);
    let served = blob.clone();
    let server = HostileServer::start(move |request| honest(request, &served).cut_at(10)).await;
    let events = Arc::<Mutex<Vec<ClientEvent>>>::default();
    let seen = Arc::clone(&events);
    let client = connect(&server).observed_by(Arc::new(move |event| {
        seen.lock().unwrap().push(event.clone());
    }));
    let error = try_pull(&client, &blob).await.unwrap_err();
    assert!(error.to_string().ends_with(": unexpected EOF"), "{error}");
    assert_eq!(server.requests().len(), 5);
    let attempts: Vec<_> = events
        .lock()
        .unwrap()
        .iter()
        .map(|event| match event {
            ClientEvent::Retrying { attempt, .. } => *attempt,
            other @ ClientEvent::MirrorFailed { .. } => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
}

#[tokio::test]
async fn redirects_are_followed_without_credentials_and_not_in_circles() {
    let blob = content(1000);
    let served = blob.clone();
    let storage = HostileServer::start(move |request| {
        assert_eq!(request.header("authorization"), None);
        honest(request, &served)
    })
    .await;
    let location = format!("http://127.0.0.1:{}/bucket/x?signature=y", storage.port);
    let server = HostileServer::start(move |request| {
        if request.header("authorization").is_none() {
            return Reply::new(401).header("www-authenticate", "Basic realm=\"x\"");
        }
        Reply::new(307).header("location", &location).body("moved")
    })
    .await;
    let credentials = crate::docker_registry::password("emon", "pw");
    let client = client(ClientConfig::default(), credentials);
    let client = client.repository(&server.repository("a")).unwrap();
    assert!(pull(&client, &blob, 10).await == blob[10..]);
    assert_eq!(storage.lines(), ["GET /bucket/x?signature=y"]);

    let circle = HostileServer::start(|request| {
        let next = if request.target.ends_with('1') {
            "/2"
        } else {
            "/1"
        };
        Reply::new(302).header("location", next)
    })
    .await;
    let error = try_pull(&connect(&circle), &blob).await.unwrap_err();
    assert!(
        error.to_string().ends_with("stopped after 10 redirects"),
        "{error}"
    );
    assert_eq!(circle.requests().len(), 11);
    let nowhere = HostileServer::start(|_| Reply::new(302).header("location", "ftp://x/")).await;
    let error = try_pull(&connect(&nowhere), &blob).await.unwrap_err();
    assert!(
        error.to_string().contains("without a usable Location"),
        "{error}"
    );
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_never_sees_credentials() {
    let blob = content(SIZE);
    let served = blob.clone();
    let broken = HostileServer::start(|_| Reply::new(500)).await;
    let good = HostileServer::start(move |request| {
        assert_eq!(request.header("authorization"), None);
        honest(request, &served).cut_at(400_000)
    })
    .await;
    let config = ClientConfig {
        mirrors: vec![
            "http://127.0.0.1:1".to_owned(),
            format!("http://{}", broken.host()),
            format!("http://{}/", good.host()),
        ],
        retry: RetryPolicy {
            max_attempts: 1,
            ..RetryPolicy::default()
        },
        ..ClientConfig::default()
    };
    let credentials = crate::docker_registry::password("emon", "pw");
    let client = client(config, credentials);
    let events = Arc::<Mutex<Vec<String>>>::default();
    let seen = Arc::clone(&events);
    let repository = client
        .repository(&"busybox".parse().unwrap())
        .unwrap()
        .observed_by(Arc::new(move |event| {
            if let ClientEvent::MirrorFailed { mirror, .. } = event {
                seen.lock().unwrap().push(mirror.clone());
            }
        }));
    assert!(pull(&repository, &blob, 0).await == blob);
    let path = format!("GET /v2/library/busybox/blobs/{}", descriptor(&blob).digest);
    assert_eq!(good.lines(), [path.as_str(), &path, &path]);
    assert_eq!(
        *events.lock().unwrap(),
        ["127.0.0.1:1".to_owned(), broken.host()]
    );
}

#[tokio::test]
async fn a_foreign_layer_comes_from_its_own_address() {
    let blob = content(1000);
    let served = blob.clone();
    let elsewhere = HostileServer::start(move |request| honest(request, &served)).await;
    let server =
        HostileServer::start(|_| Reply::new(404).json(r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#))
            .await;
    let mut descriptor = descriptor(&blob);
    let client = connect(&server);
    let error = client.open_blob(&descriptor, 0).await.unwrap_err();
    assert!(matches!(error, BlobError::NotFound { .. }), "{error}");
    descriptor.urls = Some(vec![format!("http://{}/layer", elsewhere.host())]);
    let mut stream = client.open_blob(&descriptor, 0).await.unwrap();
    assert!(drain(&mut stream).await.unwrap() == blob);
}
