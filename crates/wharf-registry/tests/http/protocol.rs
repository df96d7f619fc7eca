//! What the OCI Distribution Specification says that a registry MUST and SHOULD do. docs/conformance.md names the clause
//! that each test stands for.

use serde_json::{Value, json};
use wharf_oci::{Algorithm, Hasher};
use wharf_registry::{Settings, SparseManifests};

use crate::server::{TestServer, Wishes, digest};

const REPOSITORY: &str = "library/protocol";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

fn at(rest: &str) -> String {
    format!("/v2/{REPOSITORY}/{rest}")
}

/// An image manifest of an empty config, with what a test adds.
fn manifest(server: &TestServer, more: &Value) -> String {
    let config = server.push_blob(REPOSITORY, b"{}").to_string();
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "config": {"mediaType": EMPTY, "digest": config, "size": 2},
        "layers": [],
    });
    for (name, value) in more.as_object().unwrap() {
        manifest[name] = value.clone();
    }
    manifest.to_string()
}

fn push(server: &TestServer, reference: &str, json: &str) -> crate::wire::Answer {
    let content_type = format!("Content-Type: {IMAGE}");
    server.ask(
        "PUT",
        &at(&format!("manifests/{reference}")),
        &[&content_type],
        json.as_bytes(),
    )
}

#[test]
fn a_manifest_is_served_as_it_was_pushed() {
    let server = TestServer::start();
    // Spaces and fields that nobody knows stay.
    let json = manifest(&server, &json!({"x.unknown": [1, {}]})).replace("\":", "\" :  ");
    let digest = digest(json.as_bytes()).to_string();
    // Parameters of the type are ignored.
    let typed = format!("Content-Type: {IMAGE}; charset=utf-8");
    let pushed = server
        .ask("PUT", &at("manifests/tag"), &[&typed], json.as_bytes())
        .expect(201);
    assert_eq!(
        pushed.header("location"),
        at(&format!("manifests/{digest}"))
    );
    assert_eq!(pushed.header("docker-content-digest"), digest);
    for reference in ["tag", &digest] {
        let path = at(&format!("manifests/{reference}"));
        let got = server.ask("GET", &path, &["Accept: */*"], b"").expect(200);
        assert_eq!(got.body, json.as_bytes());
        let head = server.ask("HEAD", &path, &[], b"").expect(200);
        assert!(head.body.is_empty());
        for answer in [got, head] {
            assert_eq!(answer.header("content-type"), IMAGE);
            assert_eq!(answer.header("docker-content-digest"), digest);
            assert_eq!(answer.header("content-length"), json.len().to_string());
        }
    }
    for absent in [
        "manifests/absent",
        &format!("manifests/sha256:{}", "0".repeat(64)),
    ] {
        server
            .ask("GET", &at(absent), &[], b"")
            .refuses(404, "MANIFEST_UNKNOWN");
        assert_eq!(server.ask("HEAD", &at(absent), &[], b"").status, 404);
    }
    server
        .ask("GET", "/v2/library/absent/manifests/tag", &[], b"")
        .expect(404);
}

#[test]
fn a_blob_is_served_whole_or_in_parts() {
    let server = TestServer::start();
    let digest = server.push_blob(REPOSITORY, b"0123456789").to_string();
    let path = at(&format!("blobs/{digest}"));
    for method in ["GET", "HEAD"] {
        let answer = server.ask(method, &path, &[], b"").expect(200);
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.header("content-length"), "10");
        assert_eq!(answer.body.is_empty(), method == "HEAD");
    }
    let part = server
        .ask("GET", &path, &["Range: bytes=2-4"], b"")
        .expect(206);
    assert_eq!(
        (part.body.as_slice(), part.header("content-range")),
        (&b"234"[..], "bytes 2-4/10")
    );
    let absent = at(&format!("blobs/sha256:{}", "0".repeat(64)));
    server
        .ask("GET", &absent, &[], b"")
        .refuses(404, "BLOB_UNKNOWN");
    assert_eq!(server.ask("HEAD", &absent, &[], b"").status, 404);
}

#[test]
fn a_blob_is_pushed_in_one_request_or_two() {
    let server = TestServer::start();
    let digest = digest(b"content").to_string();
    let place = at(&format!("blobs/{digest}"));
    let single = at(&format!("blobs/uploads/?digest={digest}"));
    let begun = server.begin(REPOSITORY);
    for (method, path) in [
        ("POST", single),
        ("PUT", format!("{begun}?digest={digest}")),
    ] {
        let pushed = server.ask(method, &path, &[], b"content").expect(201);
        assert_eq!(pushed.header("location"), place, "{method}");
        assert_eq!(
            server.ask("GET", &place, &[], b"").expect(200).body,
            b"content"
        );
    }
    assert_ne!(
        server.begin(REPOSITORY),
        server.begin(REPOSITORY),
        "each upload has its place"
    );
}

#[test]
fn a_blob_is_pushed_in_chunks_and_in_their_order() {
    let server = TestServer::start();
    let begun = server
        .ask("POST", &at("blobs/uploads/"), &[], b"")
        .expect(202);
    let mut place = begun.header("location").to_owned();
    for (range, chunk, so_far) in [("0-2", b"012", "0-2"), ("3-5", b"345", "0-5")] {
        let header = format!("Content-Range: {range}");
        let sent = server.ask("PATCH", &place, &[&header], chunk).expect(202);
        assert_eq!(sent.header("range"), so_far);
        place = sent.header("location").to_owned();
        let status = server.ask("GET", &place, &[], b"").expect(204);
        assert_eq!(
            (status.header("range"), status.header("location")),
            (so_far, place.as_str())
        );
    }
    let finish = format!("{place}?digest={}", digest(b"012345678"));
    for (method, path) in [("PATCH", &place), ("PUT", &finish)] {
        let early = server.ask(method, path, &["Content-Range: 9-11"], b"9ab");
        early.refuses(416, "BLOB_UPLOAD_INVALID");
    }
    let closed = server
        .ask("PUT", &finish, &["Content-Range: 6-8"], b"678")
        .expect(201);
    assert_eq!(
        closed.header("location"),
        at(&format!("blobs/{}", digest(b"012345678")))
    );
}

#[test]
fn an_upload_is_cancelled() {
    let server = TestServer::start();
    let place = server.begin(REPOSITORY);
    server.ask("PATCH", &place, &[], b"abc").expect(202);
    server.ask("DELETE", &place, &[], b"").expect(204);
    server
        .ask("GET", &place, &[], b"")
        .refuses(404, "BLOB_UPLOAD_UNKNOWN");
}

#[test]
fn a_blob_is_mounted_where_it_can_be_read() {
    let server = TestServer::start();
    let digest = server.push_blob("library/source", b"shared").to_string();
    let mount = |query: &str| server.ask("POST", &at(&format!("blobs/uploads/?{query}")), &[], b"");
    let place = at(&format!("blobs/{digest}"));
    mount(&format!("mount={digest}&from=library/absent")).expect(202);
    server
        .ask("GET", &place, &[], b"")
        .refuses(404, "BLOB_UNKNOWN");
    for query in [
        format!("mount={digest}&from=library/source"),
        format!("mount={digest}"),
    ] {
        let mounted = mount(&query).expect(201);
        assert_eq!(mounted.header("location"), place);
        assert_eq!(
            server.ask("GET", &place, &[], b"").expect(200).body,
            b"shared"
        );
    }
    mount(&format!("mount=sha256:{}", "0".repeat(64))).expect(202);
}

#[test]
fn other_algorithms_are_known_or_refused() {
    let server = TestServer::start();
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(b"content");
    let digest = hasher.finish().to_string();
    let place = at(&format!("blobs/{digest}"));
    for query in ["?digest-algorithm=sha512", ""] {
        let begun = server
            .ask("POST", &at(&format!("blobs/uploads/{query}")), &[], b"")
            .expect(202);
        let finish = format!("{}?digest={digest}", begun.header("location"));
        server.ask("PUT", &finish, &[], b"content").expect(201);
        assert_eq!(
            server.ask("GET", &place, &[], b"").expect(200).body,
            b"content"
        );
    }
    let unknown = at("blobs/uploads/?digest-algorithm=md5");
    server
        .ask("POST", &unknown, &[], b"")
        .refuses(400, "DIGEST_INVALID");
    let json = manifest(&server, &json!({}));
    let mut hasher = Hasher::new(Algorithm::Sha512);
    hasher.update(json.as_bytes());
    let digest = hasher.finish().to_string();
    let pushed = push(&server, &digest, &json).expect(201);
    assert_eq!(pushed.header("docker-content-digest"), digest);
}

#[test]
fn one_push_sets_many_tags() {
    let server = TestServer::start();
    let json = manifest(&server, &json!({}));
    let names: Vec<String> = (0..20).map(|number| format!("tag-{number:02}")).collect();
    let reference = digest(json.as_bytes());
    let pushed = push(
        &server,
        &format!("{reference}?tag={}", names.join("&tag=")),
        &json,
    )
    .expect(201);
    let told: Vec<&str> = pushed
        .headers
        .iter()
        .filter(|(name, _)| name == "oci-tag")
        .map(|(_, tag)| tag.as_str())
        .collect();
    assert_eq!(told, names);
    let listed = server
        .ask("GET", &at("tags/list"), &[], b"")
        .expect(200)
        .json();
    assert_eq!(listed["tags"], json!(names));
}

#[test]
fn tags_are_listed_in_order_and_in_pages() {
    let server = TestServer::start();
    let json = manifest(&server, &json!({}));
    server
        .ask("GET", &at("tags/list"), &[], b"")
        .refuses(404, "NAME_UNKNOWN");
    for tag in ["b", "a", "C", "_x", "a.1"] {
        push(&server, tag, &json).expect(201);
    }
    let list = |query: &str| {
        server
            .ask("GET", &at(&format!("tags/list{query}")), &[], b"")
            .expect(200)
    };
    assert_eq!(
        list("").json(),
        json!({"name": REPOSITORY, "tags": ["C", "_x", "a", "a.1", "b"]})
    );
    let page = list("?n=2");
    assert_eq!(page.json()["tags"], json!(["C", "_x"]));
    let link = page.header("link").to_owned();
    let (next, relation) = link.trim_start_matches('<').split_once('>').unwrap();
    assert_eq!(relation, "; rel=\"next\"");
    assert_eq!(
        server.ask("GET", next, &[], b"").json()["tags"],
        json!(["a", "a.1"])
    );
    assert_eq!(list("?n=9&last=a").json()["tags"], json!(["a.1", "b"]));
    let none = list("?n=0");
    assert_eq!(
        (none.json()["tags"].clone(), none.header("link")),
        (json!([]), "")
    );
}

#[test]
fn referrers_are_listed_whatever_came_first() {
    let server = TestServer::start();
    let image = manifest(&server, &json!({}));
    let subject = digest(image.as_bytes()).to_string();
    let refers = json!({"mediaType": IMAGE, "digest": subject, "size": image.len()});
    let list =
        |query: &str| server.ask("GET", &at(&format!("referrers/{subject}{query}")), &[], b"");
    let empty = list("").expect(200);
    assert_eq!(empty.header("content-type"), INDEX);
    assert_eq!(empty.json()["manifests"], json!([]));
    // The subject is not there yet.
    let typed = manifest(
        &server,
        &json!({"subject": refers, "artifactType": "a/signature", "annotations": {"k": "v"}}),
    );
    let untyped = manifest(&server, &json!({"subject": refers}));
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "subject": refers})
        .to_string();
    for json in [&typed, &untyped] {
        let pushed = push(&server, &digest(json.as_bytes()).to_string(), json).expect(201);
        assert_eq!(pushed.header("oci-subject"), subject);
    }
    server
        .push_manifest(REPOSITORY, &digest(index.as_bytes()).to_string(), &index)
        .expect(201);
    push(&server, "image", &image).expect(201);
    let listed = list("").expect(200).json();
    let entry = |json: &str| {
        let digest = digest(json.as_bytes()).to_string();
        let entries = listed["manifests"].as_array().unwrap();
        entries
            .iter()
            .find(|entry| entry["digest"] == digest)
            .unwrap()
            .clone()
    };
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 3);
    let expected = json!({
        "mediaType": IMAGE, "digest": digest(typed.as_bytes()).to_string(), "size": typed.len(),
        "artifactType": "a/signature", "annotations": {"k": "v"},
    });
    assert_eq!(entry(&typed), expected);
    assert_eq!(entry(&untyped)["artifactType"], EMPTY);
    assert!(entry(&index).get("artifactType").is_none());

    let filtered = list("?artifactType=a/signature").expect(200);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    assert_eq!(filtered.json()["manifests"], json!([expected]));
    let first = list("?n=1").expect(200);
    assert!(first.header("link").contains("rel=\"next\""));
    server
        .ask("GET", &at("referrers/nonsense"), &[], b"")
        .refuses(400, "DIGEST_INVALID");

    let typed = at(&format!("manifests/{}", digest(typed.as_bytes())));
    server.ask("DELETE", &typed, &[], b"").expect(202);
    assert_eq!(list("").json()["manifests"].as_array().unwrap().len(), 2);
}

#[test]
fn tags_manifests_and_blobs_are_deleted() {
    let server = TestServer::start();
    let json = manifest(&server, &json!({}));
    let by_digest = at(&format!("manifests/{}", digest(json.as_bytes())));
    push(&server, "one", &json).expect(201);
    push(&server, "two", &json).expect(201);
    server
        .ask("DELETE", &at("manifests/one"), &[], b"")
        .expect(202);
    server
        .ask("GET", &at("manifests/one"), &[], b"")
        .refuses(404, "MANIFEST_UNKNOWN");
    server
        .ask("GET", &at("manifests/two"), &[], b"")
        .expect(200);
    let config = at(&format!("blobs/{}", digest(b"{}")));
    server
        .ask("DELETE", &config, &[], b"")
        .refuses(405, "UNSUPPORTED");
    server.ask("DELETE", &by_digest, &[], b"").expect(202);
    for gone in [&by_digest, &at("manifests/two")] {
        server
            .ask("GET", gone, &[], b"")
            .refuses(404, "MANIFEST_UNKNOWN");
        server
            .ask("DELETE", gone, &[], b"")
            .refuses(404, "MANIFEST_UNKNOWN");
    }
    server.ask("DELETE", &config, &[], b"").expect(202);
    server
        .ask("GET", &config, &[], b"")
        .refuses(404, "BLOB_UNKNOWN");
    server
        .ask("DELETE", &config, &[], b"")
        .refuses(404, "BLOB_UNKNOWN");
    server
        .ask("DELETE", "/v2/library/absent/manifests/x", &[], b"")
        .refuses(404, "NAME_UNKNOWN");
}

#[test]
fn the_base_says_whether_this_is_a_registry() {
    let server = TestServer::start();
    server.ask("GET", "/v2/", &[], b"").expect(200);
    let refused = server.ask_as_nobody("GET", "/v2/", &[], b"");
    refused.refuses(401, "UNAUTHORIZED");
    assert!(refused.header("www-authenticate").starts_with("Bearer "));
}

#[test]
fn who_guesses_too_often_is_told_when_to_come_back() {
    let server = TestServer::start();
    let wrong = crate::server::basic("admin", "wrong");
    let refused = (0..20).find_map(|_| {
        let answer = server.ask_as_nobody("GET", "/v2/", &[&wrong], b"");
        (answer.status == 429).then_some(answer)
    });
    let refused = refused.expect("a limit");
    refused.refuses(429, "TOOMANYREQUESTS");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[test]
fn an_index_may_be_sparse_where_the_settings_say_so() {
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {"mediaType": IMAGE, "digest": digest(b"absent").to_string(), "size": 6},
    ]})
    .to_string();
    let strict = TestServer::start();
    strict
        .push_manifest(REPOSITORY, "sparse", &index)
        .refuses(400, "MANIFEST_BLOB_UNKNOWN");
    let settings = Settings {
        sparse: SparseManifests::ALLOWED,
        ..Settings::default()
    };
    let lenient = TestServer::with(Wishes {
        settings,
        ..Wishes::default()
    });
    lenient
        .push_manifest(REPOSITORY, "sparse", &index)
        .expect(201);
    let got = lenient
        .ask("GET", &at("manifests/sparse"), &[], b"")
        .expect(200);
    assert_eq!(got.body, index.as_bytes());
}
