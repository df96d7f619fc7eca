//! Clients that take their time, and many of them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use wharf_registry::Settings;
use wharf_registry::http::ServerSettings;

use crate::server::{TestServer, Wishes, administrator, digest, request};
use crate::wire::{answer, connect, receive};

const REPOSITORY: &str = "library/r";

fn impatient() -> TestServer {
    let server = ServerSettings {
        header_timeout: Duration::from_secs(1),
        write_timeout: Duration::from_secs(1),
        ..ServerSettings::default()
    };
    let settings = Settings {
        body_timeout: Duration::from_secs(1),
        ..Settings::default()
    };
    TestServer::with(Wishes {
        settings,
        server,
        ..Wishes::default()
    })
}

/// Sends a byte now and then until nobody takes them any more.
fn trickle(stream: &mut TcpStream, byte: u8) -> Duration {
    let started = Instant::now();
    let mut scrap = [0; 4096];
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    while started.elapsed() < Duration::from_secs(15) {
        if stream.write_all(&[byte]).is_err() {
            break;
        }
        // What is read is an answer before the end, or the pause between two bytes.
        if matches!(stream.read(&mut scrap), Ok(0)) {
            break;
        }
    }
    started.elapsed()
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let server = impatient();
    let mut silent = connect(server.address);
    let mut slow = connect(server.address);
    slow.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX: ")
        .unwrap();
    let took = trickle(&mut slow, b'x');
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        receive(&mut silent).unwrap(),
        b"",
        "who says nothing is told nothing"
    );
    let mut idle = connect(server.address);
    idle.write_all(&request("GET", "/livez", &[])).unwrap();
    assert_eq!(answer(&receive(&mut idle).unwrap()).status, 200);
    server.must_be_well();
}

#[test]
fn a_body_that_trickles_is_cut_off_and_kept() {
    let server = impatient();
    let upload = server.begin(REPOSITORY);
    let mut slow = connect(server.address);
    let headers = [&administrator(), "Content-Length: 1000000"];
    slow.write_all(&request("PATCH", &upload, &headers))
        .unwrap();
    slow.write_all(b"beginning").unwrap();
    let took = trickle(&mut slow, b'x');
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(server.offset(&upload) >= 9, "what came is kept");

    let mut slow = connect(server.address);
    let headers = [&administrator(), "Content-Length: 1000"];
    let path = format!("/v2/{REPOSITORY}/manifests/x");
    slow.write_all(&request("PUT", &path, &headers)).unwrap();
    let received = receive(&mut slow).unwrap();
    assert_eq!(answer(&received).status, 400);
    server.must_be_well();
}

#[test]
fn who_does_not_read_is_cut_off() {
    let server = impatient();
    let content = vec![b'z'; 32 << 20];
    let digest = server.push_blob(REPOSITORY, &content);
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let mut lazy = connect(server.address);
    lazy.write_all(&request("GET", &path, &[&administrator()]))
        .unwrap();
    pause(Duration::from_secs(3));
    let mut received = Vec::new();
    // Cut off in the middle: an end or an error, but not all of it.
    drop(lazy.read_to_end(&mut received));
    assert!(received.len() < content.len(), "{}", received.len());
    assert_eq!(
        server.ask("GET", &path, &[], b"").expect(200).body.len(),
        content.len()
    );
}

/// The lease of an upload lasts for 20 seconds and a client may be silent for longer.
#[test]
fn a_silent_client_keeps_its_upload() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    let mut slow = connect(server.address);
    let headers = [&administrator(), "Connection: close", "Content-Length: 10"];
    slow.write_all(&request("PATCH", &upload, &headers))
        .unwrap();
    slow.write_all(b"01234").unwrap();
    pause(Duration::from_secs(22));
    server
        .ask("PATCH", &upload, &[], b"other")
        .refuses(409, "BLOB_UPLOAD_INVALID");
    slow.write_all(b"56789").unwrap();
    assert_eq!(answer(&receive(&mut slow).unwrap()).status, 202);
    let finish = format!("{upload}?digest={}", digest(b"0123456789"));
    server.ask("PUT", &finish, &[], b"").expect(201);
}

/// Places for connections run out, and come back.
#[test]
fn more_clients_than_places_wait_for_one() {
    let server = TestServer::with(Wishes {
        server: ServerSettings {
            connection_limit: 8,
            header_timeout: Duration::from_secs(1),
            ..ServerSettings::default()
        },
        ..Wishes::default()
    });
    let idle: Vec<TcpStream> = (0..40).map(|_| connect(server.address)).collect();
    server.must_be_well();
    drop(idle);
}

#[test]
fn a_thousand_connections_need_little_memory() {
    let server = TestServer::start();
    server.must_be_well();
    let before = resident_bytes();
    let headers = [&administrator(), "Content-Length: 4000000"];
    let open: Vec<TcpStream> = (0..1_000)
        .map(|_| {
            let upload = server.begin(REPOSITORY);
            let mut stream = connect(server.address);
            stream
                .write_all(&request("PATCH", &upload, &headers))
                .unwrap();
            stream.write_all(&[b'a'; 10_000]).unwrap();
            stream
        })
        .collect();
    server.must_be_well();
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 300 << 20, "{} MiB", grown >> 20);
    drop(open);
    for _ in 0..3_000 {
        server.ask_as_nobody("GET", "/v2/library/x/manifests/y", &[], b"");
    }
    let later = resident_bytes().saturating_sub(before);
    assert!(later < 300 << 20, "{} MiB", later >> 20);
}

/// What this process, and so the server, has in memory.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kibibytes = line.split_whitespace().nth(1).unwrap();
    kibibytes.parse::<u64>().unwrap() << 10
}

#[expect(
    clippy::disallowed_methods,
    reason = "time itself is what is waited for"
)]
fn pause(time: Duration) {
    thread::sleep(time);
}
