//! Request lines, headers, paths and queries.

use crate::server::{PASSWORD, TestServer, administrator, basic, request};
use crate::wire::{answer, chunked};

#[test]
fn names_and_paths_play_no_tricks() {
    let server = TestServer::start();
    for (path, status, code) in [
        ("/v2/..%2f..%2fetc/passwd/manifests/x", 400, "UNSUPPORTED"),
        ("/v2/../../etc/manifests/x", 400, "NAME_INVALID"),
        ("/v2/library/%2e%2e/manifests/x", 400, "NAME_INVALID"),
        ("/v2/library/%2e%2e%2fx/manifests/x", 400, "UNSUPPORTED"),
        ("/v2/library/%252e/manifests/x", 400, "NAME_INVALID"),
        ("/v2/library//r/manifests/x", 400, "NAME_INVALID"),
        ("/v2//manifests/x", 400, "NAME_INVALID"),
        ("/v2/library/r%00/manifests/x", 400, "UNSUPPORTED"),
        ("/v2/library/r/manifests/%00", 400, "UNSUPPORTED"),
        ("/v2/library/r/manifests/%", 400, "UNSUPPORTED"),
        ("/v2/library/%ff/tags/list", 400, "UNSUPPORTED"),
        ("/v2/library/%C3%A9/tags/list", 400, "NAME_INVALID"),
        ("/v2/library/\u{e9}/tags/list", 400, "NAME_INVALID"),
        ("/v2/library/R/tags/list", 400, "NAME_INVALID"),
        ("/v2/_catalog/tags/list", 400, "NAME_INVALID"),
        ("/v2/library/_catalog/tags/list", 400, "NAME_INVALID"),
        ("/v2/library/blobs/uploads/tags/list", 404, "NAME_UNKNOWN"),
        (
            "/v2/library/manifests/manifests/manifests",
            404,
            "MANIFEST_UNKNOWN",
        ),
        (
            "/v2/library/uploads/blobs/uploads/uploads",
            404,
            "BLOB_UPLOAD_UNKNOWN",
        ),
        ("/v2/library/r/blobs/../blobs/x", 400, "NAME_INVALID"),
        ("/v2/library/r/blobs/sha256:..%2f..", 400, "UNSUPPORTED"),
        ("/v2/library/r/blobs/sha256:zz", 400, "DIGEST_INVALID"),
        (
            "/v2/library/r/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
            400,
            "DIGEST_INVALID",
        ),
        ("/v2/library/r/referrers/latest", 400, "DIGEST_INVALID"),
        ("/v2/library/r/manifests/.tag", 400, "MANIFEST_INVALID"),
        ("/v2/library/r/tags/list?n=-1", 400, "UNSUPPORTED"),
        (
            "/v2/library/r/tags/list?n=99999999999999999999",
            400,
            "UNSUPPORTED",
        ),
        ("/v2/library/r/tags/list?n=1e9", 400, "UNSUPPORTED"),
        ("/v2/library/r/tags/list?last=%00", 400, "UNSUPPORTED"),
        ("/v2/library/r/tags/list?last=%ff", 400, "UNSUPPORTED"),
        ("/v2/library/r/tags/list?last=%zz", 400, "UNSUPPORTED"),
        ("/service/token?scope=%00", 400, "BAD_REQUEST"),
        ("//v2/", 404, "NOT_FOUND"),
        ("/v2/../v2/", 404, "NAME_UNKNOWN"),
        ("*", 404, "NOT_FOUND"),
    ] {
        let answer = server.ask("GET", path, &[], b"");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{path}"
        );
    }
    let longest = format!("/v2/library/{}/tags/list", "a".repeat(300));
    server
        .ask("GET", &longest, &[], b"")
        .refuses(400, "NAME_INVALID");
    let too_long = format!("/v2/library/{}/tags/list", "a/".repeat(5_000));
    server
        .ask("GET", &too_long, &[], b"")
        .refuses(414, "UNSUPPORTED");
    let many = format!("/v2/library/r/tags/list?{}", "n=1&".repeat(300));
    server
        .ask("GET", &many, &[], b"")
        .refuses(400, "UNSUPPORTED");
    let tag = format!("/v2/library/r/manifests/{}", "a".repeat(129));
    server
        .ask("GET", &tag, &[], b"")
        .refuses(400, "MANIFEST_INVALID");
    server.must_be_well();
}

#[test]
fn words_of_paths_are_names_as_well() {
    let server = TestServer::start();
    for name in [
        "library/blobs/uploads",
        "library/manifests",
        "library/tags/list",
        "library/v2",
    ] {
        let digest = server.push_blob(name, b"{}");
        let path = format!("/v2/{name}/blobs/{digest}");
        assert_eq!(server.ask("GET", &path, &[], b"").expect(200).body, b"{}");
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        server.push_manifest(name, "manifests", index).expect(201);
        let tags = server
            .ask("GET", &format!("/v2/{name}/tags/list"), &[], b"")
            .json();
        assert_eq!(tags["tags"][0], "manifests", "{name}");
    }
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let server = TestServer::start();
    for method in ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "POST"] {
        let answer = server.ask(method, "/v2/", &[], b"");
        answer.refuses(405, "UNSUPPORTED");
        assert_eq!(answer.header("allow"), "GET, HEAD", "{method}");
    }
    server
        .ask("OPTIONS", "*", &[], b"")
        .refuses(404, "NOT_FOUND");
    server
        .ask("CONNECT", "evil.test:443", &[], b"")
        .refuses(404, "NOT_FOUND");
    server.must_be_well();
}

#[test]
fn who_is_addressed_has_to_be_clear() {
    let server = TestServer::start();
    for head in [
        "GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: a\",evil=\"b\r\nConnection: close\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost: user@a\r\nConnection: close\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
    ] {
        let answer = answer(&server.exchange(head.as_bytes()));
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "UNSUPPORTED"),
            "{head}"
        );
    }
    // HTTP/1.0 has no Host, and closes.
    let old = format!("GET /v2/ HTTP/1.0\r\n{}\r\n\r\n", administrator());
    assert_eq!(answer(&server.exchange(old.as_bytes())).status, 200);
    let absolute = server.ask("GET", "http://elsewhere.test/v2/", &[], b"");
    assert_eq!(absolute.status, 200);
}

/// What is not HTTP is refused below our code: with a status and without a body.
#[test]
fn what_is_not_http_is_refused() {
    let server = TestServer::start();
    let many = "A: b\r\n".repeat(10_000);
    let large = "b".repeat(1 << 20);
    for (head, expected) in [
        ("GET /v2/\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 400),
        (
            "GET /v2/ HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n".to_owned(),
            400,
        ),
        (
            "GET /v2/ HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n".to_owned(),
            400,
        ),
        ("GET /v2/ HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(), 400),
        (format!("GET /v2/ HTTP/1.1\r\nHost: a\r\n{many}\r\n"), 431),
        (
            format!("GET /v2/ HTTP/1.1\r\nHost: a\r\nA: {large}\r\n\r\n"),
            431,
        ),
    ] {
        let shown = &head[..head.len().min(60)];
        let Ok(received) = crate::wire::exchange(server.address, head.as_bytes()) else {
            // It was cut off in the middle of its head, which is its own fault.
            assert!(head.len() > 64 << 10, "{shown}");
            continue;
        };
        assert_eq!(answer(&received).status, expected, "{shown}");
    }
    server.must_be_well();
}

#[test]
fn no_second_request_is_smuggled_in() {
    let server = TestServer::start();
    let smuggled = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
    let post = |headers: &[&str], body: &str| {
        let credentials = administrator();
        let mut all = vec![credentials.as_str()];
        all.extend(headers);
        let head = request("POST", "/v2/library/r/blobs/uploads/", &all);
        server.exchange(&[&head, body.as_bytes()].concat())
    };
    for headers in [
        &["Content-Length: 4", "Content-Length: 5"][..],
        &["Content-Length: 4, 4"],
        &["Content-Length: +4"],
        &["Content-Length: -1"],
        &["Content-Length: 0x4"],
        &["Content-Length: 99999999999999999999"],
        &["Transfer-Encoding: xchunked"],
        &["Transfer-Encoding: chunked, identity"],
        &["Transfer-Encoding : chunked"],
    ] {
        let received = post(headers, smuggled);
        assert_eq!(answer(&received).status, 400, "{headers:?}");
        assert_eq!(statuses(&received), 1, "{headers:?}");
    }
    // The coding counts, as RFC 9112 has it, and the connection is of no use afterwards.
    let received = post(
        &["Content-Length: 4", "Transfer-Encoding: chunked"],
        &format!("0\r\n\r\n{smuggled}"),
    );
    assert_eq!((answer(&received).status, statuses(&received)), (202, 1));
    server.must_be_well();
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let server = TestServer::start();
    let credentials = administrator();
    let mut requests = Vec::new();
    for number in 0..50 {
        let path = format!("/v2/library/r{number}/tags/list");
        requests.extend(request("GET", &path, &[&credentials]));
    }
    requests.extend(request("GET", "/livez", &["Connection: close"]));
    let received = String::from_utf8(server.exchange(&requests)).unwrap();
    let places: Vec<_> = (0..50)
        .map(|number| {
            received
                .find(&format!("library/r{number} is"))
                .expect("an answer")
        })
        .collect();
    assert!(places.is_sorted());
    assert!(received.ends_with("ok\n"));
}

#[test]
fn credentials_that_are_none_are_refused() {
    let server = TestServer::start();
    let long = format!("Authorization: Bearer {}", "a".repeat(40_000));
    let none = "Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.";
    for header in [
        "Authorization: Basic",
        "Authorization: Basic !!!",
        "Authorization: Basic YQ==",
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer a.b.c",
        "Authorization: Negotiate x",
        "Authorization: \u{e9}",
        none,
        &long,
        &basic("admin\0", PASSWORD),
        &basic("admin", &"x".repeat(20_000)),
        &basic("", ""),
    ] {
        let answer = server.ask_as_nobody("GET", "/v2/", &[header], b"");
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (401, "UNAUTHORIZED"),
            "{header}"
        );
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Bearer realm=")
        );
    }
    server.must_be_well();
}

#[test]
fn ranges_that_are_none_are_ignored_or_refused() {
    let server = TestServer::start();
    let digest = server.push_blob("library/r", b"0123456789");
    let path = format!("/v2/library/r/blobs/{digest}");
    let many = format!("Range: bytes=0-1{}", ",0-1".repeat(5_000));
    for (range, status, body) in [
        ("Range: bytes=0-0", 206, "0"),
        ("Range: bytes=-3", 206, "789"),
        ("Range: bytes=8-99999", 206, "89"),
        ("Range: bytes=-99999999999999999999", 200, "0123456789"),
        ("Range: bytes=0-18446744073709551615", 206, "0123456789"),
        ("Range: junk", 200, "0123456789"),
        (&many, 200, "0123456789"),
    ] {
        let answer = server.ask("GET", &path, &[range], b"");
        assert_eq!(
            (answer.status, answer.body),
            (status, body.as_bytes().to_vec()),
            "{range:.40}"
        );
    }
    for range in ["Range: bytes=10-", "Range: bytes=3-2", "Range: bytes=-0"] {
        let answer = server.ask("GET", &path, &[range], b"");
        answer.refuses(416, "SIZE_INVALID");
        assert_eq!(answer.header("content-range"), "bytes */10");
    }
}

#[test]
fn chunks_may_come_with_extensions_and_trailers() {
    let server = TestServer::start();
    let upload = server.begin("library/r");
    let head = request(
        "PATCH",
        &upload,
        &[
            &administrator(),
            "Connection: close",
            "Transfer-Encoding: chunked",
        ],
    );
    let body = b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n";
    let received = server.exchange(&[&head[..], body].concat());
    assert_eq!(answer(&received).status, 202);
    assert_eq!(server.offset(&upload), 3);
    let broken = server.exchange(&[&head[..], b"zz\r\nabc\r\n"].concat());
    assert_eq!(answer(&broken).status, 400);
    let whole = server.exchange(&[&head[..], &chunked(b"def")].concat());
    assert_eq!(answer(&whole).status, 202);
    assert_eq!(server.offset(&upload), 6);
}

fn statuses(received: &[u8]) -> usize {
    String::from_utf8_lossy(received)
        .matches("HTTP/1.1 ")
        .count()
}
