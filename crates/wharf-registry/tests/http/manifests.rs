//! Manifests that are too large, too deep, contradictory or not there.

use std::time::Instant;

use serde_json::{Value, json};
use wharf_oci::Digest;
use wharf_registry::{Settings, SparseManifests};

use crate::server::{TestServer, Wishes, administrator, digest, request};
use crate::wire::{answer, chunked};

const REPOSITORY: &str = "library/r";

fn descriptor(digest: &Digest, size: u64) -> Value {
    json!({"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest.to_string(), "size": size})
}

fn image(config: &Value, layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": layers,
    })
}

#[test]
fn sizes_are_numbers_and_agree_with_the_blobs() {
    let server = TestServer::start();
    let empty = server.push_blob(REPOSITORY, b"{}");
    let push = |json: &str| server.push_manifest(REPOSITORY, "x", json);
    let right = image(&descriptor(&empty, 2), &[]).to_string();
    push(&right).expect(201);
    let most = descriptor(&empty, u64::MAX);
    let other = descriptor(&digest(b"other"), u64::MAX);
    for json in [
        image(&most, &[other]).to_string(),
        image(&descriptor(&empty, 3), &[]).to_string(),
        // The same blob cannot have two sizes.
        image(
            &descriptor(&empty, 2),
            &[descriptor(&empty, 1), descriptor(&empty, 2)],
        )
        .to_string(),
        right.replace("\"size\":2", "\"size\":-2"),
        right.replace("\"size\":2", "\"size\":1e400"),
        right.replace("\"size\":2", "\"size\":2.5"),
        right.replace("\"size\":2", "\"size\":99999999999999999999"),
        right.replace("\"schemaVersion\":2", "\"schemaVersion\":3"),
        right.replace("\"schemaVersion\":2", "\"schemaVersion\":1"),
    ] {
        push(&json).refuses(400, "MANIFEST_INVALID");
    }
    server.must_be_well();
}

#[test]
fn what_a_manifest_names_has_to_be_there() {
    let server = TestServer::start();
    let empty = server.push_blob(REPOSITORY, b"{}");
    let elsewhere = server.push_blob("library/other", b"elsewhere");
    let absent = digest(b"absent");
    for missing in [elsewhere, absent] {
        let json = image(&descriptor(&empty, 2), &[descriptor(&missing, 9)]).to_string();
        let refused = server.push_manifest(REPOSITORY, "x", &json);
        refused.refuses(400, "MANIFEST_BLOB_UNKNOWN");
        let named = &refused.json()["errors"][0]["detail"]["digests"][0];
        assert_eq!(*named, missing.to_string());
    }
    let index = json!({"schemaVersion": 2, "manifests": [descriptor(&absent, 5)]}).to_string();
    server
        .push_manifest(REPOSITORY, "x", &index)
        .refuses(400, "MANIFEST_BLOB_UNKNOWN");
    let pushed = image(&descriptor(&empty, 2), &[]).to_string();
    server
        .push_manifest(REPOSITORY, &absent.to_string(), &pushed)
        .refuses(400, "DIGEST_INVALID");
    let tags = format!("/v2/{REPOSITORY}/tags/list");
    server
        .ask("GET", &tags, &[], b"")
        .refuses(404, "NAME_UNKNOWN");
}

#[test]
fn a_manifest_has_four_mebibytes_and_no_more() {
    let server = TestServer::start();
    let index = |length: usize| {
        let empty =
            json!({"schemaVersion": 2, "manifests": [], "annotations": {"a": ""}}).to_string();
        empty.replace("\"\"", &format!("\"{}\"", "a".repeat(length - empty.len())))
    };
    server
        .push_manifest(REPOSITORY, "largest", &index(4 << 20))
        .expect(201);
    let too_large = index((4 << 20) + 1);
    server
        .push_manifest(REPOSITORY, "x", &too_large)
        .refuses(413, "MANIFEST_INVALID");
    let headers = [
        &administrator(),
        "Connection: close",
        "Transfer-Encoding: chunked",
    ];
    let head = request("PUT", &format!("/v2/{REPOSITORY}/manifests/x"), &headers);
    let received = server.exchange(&[head, chunked(too_large.as_bytes())].concat());
    answer(&received).refuses(413, "MANIFEST_INVALID");
    server.must_be_well();
}

#[test]
fn json_that_is_none_or_can_be_read_in_two_ways_is_refused() {
    let server = TestServer::start();
    let empty = server.push_blob(REPOSITORY, b"{}");
    let right = image(&descriptor(&empty, 2), &[]).to_string();
    let with = |more: &str| format!("{},{more}}}", right.trim_end_matches('}'));
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for json in [
        "",
        "null",
        "[]",
        "{",
        "\u{feff}{}",
        &deep,
        &right.replace('}', ""),
        &with("\"layers\":[]"),
        &with("\"manifests\":[]"),
        &with("\"mediaType\":\"application/vnd.oci.image.index.v1+json\""),
        &with(&format!("\"subject\":{deep}")),
        &with("\"artifactType\":\"a\\u0000b\""),
        &with("\"artifactType\":\"a\\r\\nX: b\""),
        &with(&format!("\"artifactType\":\"{}\"", "a".repeat(256))),
        &right.replace("application/vnd.oci.empty.v1+json", "a\\u0000"),
    ] {
        let answer = server.push_manifest(REPOSITORY, "x", json);
        let shown = &json[..json.len().min(80)];
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "MANIFEST_INVALID"),
            "{shown}"
        );
    }
    let invalid = server.ask(
        "PUT",
        "/v2/library/r/manifests/x",
        &[],
        b"{\"schemaVersion\":2,\"a\":\"\xff\"}",
    );
    invalid.refuses(400, "MANIFEST_INVALID");
    server.push_manifest(REPOSITORY, "x", &right).expect(201);
}

/// An index of as many entries as fit, all of them absent or all the same: the one writer of the database works on it
/// alone meanwhile.
#[test]
fn the_largest_index_does_not_stop_the_others() {
    let server = TestServer::start();
    let index = r#"{"schemaVersion":2,"manifests":[]}"#;
    server.push_manifest(REPOSITORY, "child", index).expect(201);
    let child = descriptor(&digest(index.as_bytes()), 34);
    let many: Vec<Value> = (0..28_000).map(|_| child.clone()).collect();
    let same = json!({"schemaVersion": 2, "manifests": many}).to_string();
    assert!(same.len() < 4 << 20);
    let started = Instant::now();
    server.push_manifest(REPOSITORY, "same", &same).expect(201);
    let absent: Vec<Value> = (0..28_000_u32)
        .map(|number| descriptor(&digest(&number.to_be_bytes()), 4))
        .collect();
    let absent = json!({"schemaVersion": 2, "manifests": absent}).to_string();
    let refused = server.push_manifest(REPOSITORY, "absent", &absent);
    refused.refuses(400, "MANIFEST_BLOB_UNKNOWN");
    assert!(refused.body.len() < 64 << 10, "an error stays short");
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

/// A blob that a manifest keeps is not deleted, neither by a client nor by the collector.
fn is_kept(server: &TestServer, blob: &Digest) {
    let path = format!("/v2/{REPOSITORY}/blobs/{blob}");
    server
        .ask("DELETE", &path, &[], b"")
        .refuses(405, "UNSUPPORTED");
    server.ask("GET", &path, &[], b"").expect(200);
}

#[test]
fn an_image_may_come_before_its_layer_where_the_settings_say_so_and_keeps_it_then() {
    let settings = Settings {
        sparse: SparseManifests::ALLOWED,
        ..Settings::default()
    };
    let server = TestServer::with(Wishes {
        settings,
        ..Wishes::default()
    });
    let empty = server.push_blob(REPOSITORY, b"{}");
    let layer = descriptor(&digest(b"late"), 4);
    let sparse = image(&descriptor(&empty, 2), &[layer]).to_string();
    server.push_manifest(REPOSITORY, "x", &sparse).expect(201);
    let layer = server.push_blob(REPOSITORY, b"late");
    is_kept(&server, &layer);
}

#[test]
fn a_layer_that_may_be_elsewhere_is_kept_when_it_comes() {
    let server = TestServer::start();
    let empty = server.push_blob(REPOSITORY, b"{}");
    let foreign = json!({
        "mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "digest": digest(b"licensed").to_string(),
        "size": 8,
    });
    let licensed = image(&descriptor(&empty, 2), &[foreign]).to_string();
    server.push_manifest(REPOSITORY, "x", &licensed).expect(201);
    let layer = server.push_blob(REPOSITORY, b"licensed");
    is_kept(&server, &layer);
}

#[test]
fn a_blob_may_be_named_as_one_that_is_needed_and_as_one_that_is_not() {
    let server = TestServer::start();
    let empty = server.push_blob(REPOSITORY, b"{}");
    let foreign = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "digest": empty.to_string(),
        "size": 2,
    });
    let both = image(&descriptor(&empty, 2), &[foreign]).to_string();
    server.push_manifest(REPOSITORY, "x", &both).expect(201);
}
