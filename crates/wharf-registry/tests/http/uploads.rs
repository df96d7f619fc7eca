//! Uploads: what does not fit together, several writers, and clients that vanish.

use std::io::{Read as _, Write as _};
use std::thread;

use crate::server::{TestServer, administrator, digest, request};
use crate::wire::{answer, chunked, connect, receive, vanish};

const REPOSITORY: &str = "library/r";

#[test]
fn a_chunk_fits_where_the_last_one_ended_and_nowhere_else() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    let patch = |range: &str, body: &[u8]| server.ask("PATCH", &upload, &[range], body);
    patch("Content-Range: 0-4", b"01234").expect(202);
    for (range, body) in [
        ("Content-Range: 0-4", &b"01234"[..]),
        ("Content-Range: 3-7", b"34567"),
        ("Content-Range: 6-9", b"6789"),
        ("Content-Range: 9-5", b"x"),
        ("Content-Range: -1-5", b"x"),
        (
            "Content-Range: 99999999999999999999-99999999999999999999",
            b"x",
        ),
        ("Content-Range: junk", b"x"),
    ] {
        patch(range, body).refuses(416, "BLOB_UPLOAD_INVALID");
    }
    // The range and the length contradict each other.
    patch("Content-Range: 5-9", b"567").refuses(400, "SIZE_INVALID");
    assert_eq!(server.offset(&upload), 5, "nothing of these was kept");
    patch("Content-Range: 5-9", b"56789").expect(202);
    let finish = format!("{upload}?digest={}", digest(b"0123456789"));
    server.ask("PUT", &finish, &[], b"").expect(201);
}

#[test]
fn a_range_that_ends_at_the_last_number_is_counted() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    let range = "Content-Range: 0-18446744073709551615";
    let headers = [
        &administrator(),
        "Connection: close",
        range,
        "Transfer-Encoding: chunked",
    ];
    for method in ["PATCH", "PUT"] {
        let path = match method {
            "PUT" => format!("{upload}?digest={}", digest(b"abc")),
            _ => upload.clone(),
        };
        let head = request(method, &path, &headers);
        let received = server.exchange(&[head, chunked(b"abc")].concat());
        let refused = answer(&received);
        assert!([400, 416].contains(&refused.status), "{refused:?}");
        assert!(["SIZE_INVALID", "BLOB_UPLOAD_INVALID"].contains(&refused.code().as_str()));
    }
    // Nobody holds the upload any more.
    server.ask("PATCH", &upload, &[], b"def").expect(202);
}

#[test]
fn a_wrong_digest_ends_an_upload_and_leaves_nothing() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    server.ask("PATCH", &upload, &[], b"right").expect(202);
    let wrong = digest(b"wrong");
    let finish = format!("{upload}?digest={wrong}");
    server
        .ask("PUT", &finish, &[], b"")
        .refuses(400, "DIGEST_INVALID");
    server
        .ask("GET", &upload, &[], b"")
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
    for digest in [wrong, digest(b"right")] {
        let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
        server
            .ask("GET", &path, &[], b"")
            .refuses(404, "BLOB_UNKNOWN");
    }
    let whole = format!("/v2/{REPOSITORY}/blobs/uploads/?digest={wrong}");
    server
        .ask("POST", &whole, &[], b"right")
        .refuses(400, "DIGEST_INVALID");
    for nonsense in [
        "",
        "?digest=",
        "?digest=sha256:",
        "?digest=sha256:AA",
        "?digest=x",
    ] {
        let upload = server.begin(REPOSITORY);
        let path = format!("{upload}{nonsense}");
        server
            .ask("PUT", &path, &[], b"")
            .refuses(400, "DIGEST_INVALID");
        assert_eq!(server.offset(&upload), 0, "it can be gone on with");
    }
}

#[test]
fn an_upload_that_is_over_is_over() {
    let server = TestServer::start();
    let finished = server.begin(REPOSITORY);
    let finish = format!("{finished}?digest={}", digest(b"abc"));
    server.ask("PUT", &finish, &[], b"abc").expect(201);
    let cancelled = server.begin(REPOSITORY);
    server.ask("DELETE", &cancelled, &[], b"").expect(204);
    for upload in [finished, cancelled] {
        for method in ["GET", "PATCH", "DELETE"] {
            let answer = server.ask(method, &upload, &[], b"x");
            answer.refuses(404, "BLOB_UPLOAD_UNKNOWN");
        }
        let finish = format!("{upload}?digest={}", digest(b"abc"));
        server
            .ask("PUT", &finish, &[], b"abc")
            .refuses(404, "BLOB_UPLOAD_UNKNOWN");
    }
    // One of another repository is not known here.
    let elsewhere = server
        .begin("library/other")
        .replace("library/other", REPOSITORY);
    server
        .ask("PATCH", &elsewhere, &[], b"x")
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn an_upload_has_one_writer() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    let mut first = connect(server.address);
    let headers = [
        &administrator(),
        "Connection: close",
        "Content-Length: 10",
        "Expect: 100-continue",
    ];
    first
        .write_all(&request("PATCH", &upload, &headers))
        .unwrap();
    // Who is told to go on has the upload.
    let mut told = [0; 25];
    first.read_exact(&mut told).unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    first.write_all(b"01234").unwrap();
    for (method, path) in [
        ("PATCH", upload.clone()),
        ("DELETE", upload.clone()),
        ("PUT", format!("{upload}?digest={}", digest(b"x"))),
    ] {
        let refused = server.ask(method, &path, &[], b"x");
        refused.refuses(409, "BLOB_UPLOAD_INVALID");
        let seconds: u64 = refused.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&seconds), "{seconds}");
    }
    first.write_all(b"56789").unwrap();
    assert_eq!(answer(&receive(&mut first).unwrap()).status, 202);
    let finish = format!("{upload}?digest={}", digest(b"0123456789"));
    server.ask("PUT", &finish, &[], b"").expect(201);
}

#[test]
fn of_many_that_finish_one_upload_one_does() {
    let server = TestServer::start();
    for _ in 0..10 {
        let upload = server.begin(REPOSITORY);
        let finish = format!("{upload}?digest={}", digest(b"abc"));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let one = || server.ask("PUT", &finish, &[], b"abc").status;
            let all: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert_eq!(
            statuses.iter().filter(|status| **status == 201).count(),
            1,
            "{statuses:?}"
        );
        assert!(
            statuses
                .iter()
                .all(|status| [201, 404, 409].contains(status)),
            "{statuses:?}"
        );
    }
}

#[test]
fn what_came_before_a_client_vanished_is_kept() {
    let server = TestServer::start();
    let upload = server.begin(REPOSITORY);
    let mut stream = connect(server.address);
    let headers = [&administrator(), "Content-Length: 1000000"];
    stream
        .write_all(&request("PATCH", &upload, &headers))
        .unwrap();
    stream.write_all(&vec![b'a'; 600_000]).unwrap();
    vanish(&stream);
    drop(stream);
    let kept = (0..2_000).find_map(|_| {
        let offset = server.offset(&upload);
        (offset > 0).then_some(offset)
    });
    let kept = usize::try_from(kept.expect("something was kept")).unwrap();
    assert!(kept <= 600_000, "{kept}");
    let content = vec![b'a'; 1_000_000];
    let range = format!("Content-Range: {kept}-999999");
    server
        .ask("PATCH", &upload, &[&range], &content[kept..])
        .expect(202);
    let digest = digest(&content);
    server
        .ask("PUT", &format!("{upload}?digest={digest}"), &[], b"")
        .expect(201);
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    assert_eq!(server.ask("GET", &path, &[], b"").expect(200).body, content);
}

#[test]
fn clients_that_vanish_in_mid_download_take_nothing_with_them() {
    let server = TestServer::start();
    let content = vec![b'z'; 8 << 20];
    let digest = server.push_blob(REPOSITORY, &content);
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    for _ in 0..20 {
        let mut stream = connect(server.address);
        stream
            .write_all(&request("GET", &path, &[&administrator()]))
            .unwrap();
        let mut some = [0; 1000];
        stream.read_exact(&mut some).unwrap();
        drop(stream);
    }
    assert_eq!(server.ask("GET", &path, &[], b"").expect(200).body, content);
}

/// A client that sends all before it reads is told why nobody wanted it.
#[test]
fn an_answer_is_not_lost_with_the_body_that_nobody_wanted() {
    let server = TestServer::start();
    let body = vec![b'x'; 6 << 20];
    let upload = server.begin(REPOSITORY);
    for _ in 0..5 {
        server
            .ask_as_nobody("PATCH", &upload, &[], &body)
            .refuses(401, "UNAUTHORIZED");
        let unknown = format!("/v2/{REPOSITORY}/blobs/uploads/unknown");
        server
            .ask("PATCH", &unknown, &[], &body)
            .refuses(404, "BLOB_UPLOAD_UNKNOWN");
        server
            .ask("PATCH", &upload, &["Content-Range: 5-6291460"], &body)
            .refuses(416, "BLOB_UPLOAD_INVALID");
        server
            .push_manifest(REPOSITORY, "x", &"x".repeat(6 << 20))
            .refuses(413, "MANIFEST_INVALID");
    }
}

#[test]
fn a_client_that_asks_first_is_not_told_to_send_what_nobody_wants() {
    let server = TestServer::start();
    let headers = [
        "Connection: close",
        "Expect: 100-continue",
        "Content-Length: 1000000",
    ];
    let head = request("PATCH", "/v2/library/r/blobs/uploads/x", &headers);
    let received = server.exchange(&head);
    assert_eq!(answer(&received).status, 401);
}
