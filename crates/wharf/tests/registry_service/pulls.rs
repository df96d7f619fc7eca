//! How often something was pulled, and when last.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{HttpResponse, Sandbox};

use crate::fixture::{RunningRegistry, config, serve};

/// Pulls are written every two seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const REPOSITORY: &str = "/api/v2.0/projects/library/repositories/app";
const NEVER: &str = "0001-01-01T00:00:00.000Z";

fn json_of(answer: &HttpResponse) -> Value {
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

fn push_image(registry: &RunningRegistry, tags: &[&str]) {
    let config = registry.push_blob(b"{}").to_string();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
        "layers": [],
    });
    for tag in tags {
        let path = format!("/v2/library/app/manifests/{tag}");
        let pushed = registry.request("PUT", &path, manifest.to_string().as_bytes());
        assert_eq!(pushed.status, 201);
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is written in the background shows by asking again"
)]
fn wait_for_pulls(registry: &RunningRegistry, count: u64) {
    let started = Instant::now();
    loop {
        let repository = json_of(&registry.request("GET", REPOSITORY, b""));
        if repository["pull_count"] == count {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{repository}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn pulls_are_counted_and_survive_a_restart() {
    let sandbox = Sandbox::new();
    let file = config(&sandbox, "");
    let registry = serve(&sandbox, &file);
    push_image(&registry, &["used", "unused"]);
    wait_for_pulls(&registry, 0);
    let tag = "/v2/library/app/manifests/used";
    let pulled = registry.request("GET", tag, b"");
    let digest = pulled.header("docker-content-digest").unwrap();
    // To ask whether it is there is no pull.
    assert_eq!(registry.request("HEAD", tag, b"").status, 200);
    let by_digest = format!("/v2/library/app/manifests/{digest}");
    assert_eq!(registry.request("GET", &by_digest, b"").status, 200);
    wait_for_pulls(&registry, 2);
    // What was not written yet is written at the end.
    assert_eq!(registry.request("GET", &by_digest, b"").status, 200);
    registry.stop();

    let registry = serve(&sandbox, &file);
    wait_for_pulls(&registry, 3);
    let path = format!("{REPOSITORY}/artifacts/used");
    let artifact = json_of(&registry.request("GET", &path, b""));
    assert_ne!(artifact["pull_time"], NEVER);
    for tag in artifact["tags"].as_array().unwrap() {
        assert_eq!(tag["pull_time"] == NEVER, tag["name"] == "unused", "{tag}");
    }
}
