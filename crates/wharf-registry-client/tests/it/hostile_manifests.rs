//! Manifests, lists and search from registries that refuse, delay and lie.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wharf_oci::{Algorithm, Digest, MediaType, RawManifest};
use wharf_registry_client::{
    ClientConfig, ClientEvent, Credentials, ManifestFetchError, RepositoryClient, SearchError,
    SearchFilters, TagOrDigest, referrers_tag,
};

use crate::docker_registry::{client, password};
use crate::hostile_server::{HostileServer, Reply};
use crate::real::{content, pull, tag};

const MANIFEST: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn connect(server: &HostileServer) -> RepositoryClient {
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    client.repository(&server.repository("a")).unwrap()
}

fn manifest_reply() -> Reply {
    Reply::new(200)
        .header("content-type", MediaType::OCI_INDEX)
        .body(MANIFEST)
}

async fn get(server: &HostileServer) -> Result<RawManifest, ManifestFetchError> {
    connect(server).get_manifest(&tag("v1")).await
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_may_not_is_not() {
    for (status, requests) in [
        (500, 5),
        (502, 5),
        (503, 5),
        (429, 5),
        (400, 1),
        (403, 1),
        (404, 1),
        (418, 1),
        (501, 1),
    ] {
        let server = HostileServer::start(move |_| Reply::new(status)).await;
        let error = get(&server).await.unwrap_err();
        assert_eq!(server.requests().len(), requests, "{status}: {error}");
    }
    let calls = AtomicUsize::new(0);
    let server = HostileServer::start(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(503).header("retry-after", "0"),
        1 => manifest_reply().cut_at(20),
        _ => manifest_reply(),
    })
    .await;
    assert_eq!(get(&server).await.unwrap().bytes(), MANIFEST.as_bytes());
}

#[tokio::test]
async fn the_registry_says_how_long_to_wait() {
    let calls = AtomicUsize::new(0);
    let server = HostileServer::start(move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(429).header("retry-after", "1"),
        _ => manifest_reply(),
    })
    .await;
    let delays = Arc::<Mutex<Vec<Duration>>>::default();
    let seen = Arc::clone(&delays);
    let client = connect(&server).observed_by(Arc::new(move |event| {
        if let ClientEvent::Retrying { delay, .. } = event {
            seen.lock().unwrap().push(*delay);
        }
    }));
    client.get_manifest(&tag("v1")).await.unwrap();
    assert_eq!(*delays.lock().unwrap(), [Duration::from_secs(1)]);

    let limit = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
    let server =
        HostileServer::start(move |_| Reply::new(429).header("retry-after", "21600").json(limit))
            .await;
    let error = get(&server).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "toomanyrequests: You have reached your pull rate limit."
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn refusals_are_said_as_docker_says_them() {
    let json = |code: &str| format!(r#"{{"errors":[{{"code":"{code}","message":"said"}}]}}"#);
    for (status, code, expected) in [
        (
            404,
            "MANIFEST_UNKNOWN",
            "manifest for HOST/a:v1 not found: manifest unknown: said",
        ),
        (
            404,
            "NAME_UNKNOWN",
            "repository HOST/a not found: name unknown: said",
        ),
        (
            403,
            "DENIED",
            "pull access denied for HOST/a, repository does not exist or may require 'docker login': denied: said",
        ),
        (401, "UNAUTHORIZED", "unauthorized: said"),
    ] {
        let body = json(code);
        let server = HostileServer::start(move |_| Reply::new(status).json(&body)).await;
        let error = get(&server).await.unwrap_err().to_string();
        assert_eq!(error, expected.replace("HOST", &server.host()));
    }
}

#[tokio::test]
async fn a_web_page_is_not_a_registry() {
    let page = "<!DOCTYPE html><html>Sign in</html>";
    let server = HostileServer::start(move |_| {
        Reply::new(200)
            .header("content-type", "text/html")
            .body(page)
    })
    .await;
    let error = get(&server).await.unwrap_err().to_string();
    assert!(
        error.contains(&server.host()) && error.contains("manifest is not valid"),
        "{error}"
    );
    let server = HostileServer::start(move |_| Reply::new(404).body(page)).await;
    let error = get(&server).await.unwrap_err().to_string();
    let host = server.host();
    assert_eq!(
        error,
        format!(
            "received unexpected HTTP status: 404 Not Found from http://{host}/v2/a/manifests/v1, with a web page instead of a registry's answer"
        )
    );
}

#[tokio::test]
async fn only_the_right_bytes_are_taken() {
    let right = Digest::of(MANIFEST.as_bytes());
    let other = Digest::of(b"other");
    let long = RawManifest::new(MANIFEST.into(), None, Algorithm::Sha512).unwrap();
    let sha512 = *long.digest().digest();
    for (asked, header, accepted) in [
        (TagOrDigest::Digest(right), None, true),
        (TagOrDigest::Digest(sha512), Some(right), true),
        (TagOrDigest::Digest(other), None, false),
        (tag("v1"), None, true),
        (tag("v1"), Some(right), true),
        (tag("v1"), Some(sha512), true),
        (tag("v1"), Some(other), false),
    ] {
        let server = HostileServer::start(move |_| match header {
            Some(digest) => manifest_reply().header("docker-content-digest", &digest.to_string()),
            None => manifest_reply(),
        })
        .await;
        let got = connect(&server).get_manifest(&asked).await;
        match got {
            Ok(manifest) => {
                assert!(accepted, "{asked}");
                assert!(manifest.digest().digest().matches(MANIFEST.as_bytes()));
            }
            Err(error) => {
                assert!(!accepted, "{asked}: {error}");
                assert!(
                    matches!(error, ManifestFetchError::WrongDigest(_)),
                    "{error}"
                );
            }
        }
    }
    let large = vec![b' '; wharf_oci::MANIFEST_LIMIT_BYTES + 1];
    let server = HostileServer::start(move |_| Reply::new(200).body(&large).unannounced()).await;
    let error = get(&server).await.unwrap_err().to_string();
    assert!(error.contains("larger than the limit"), "{error}");
}

#[tokio::test]
async fn a_registry_that_tells_no_digest_is_asked_for_the_whole() {
    let server = HostileServer::start(|_| manifest_reply()).await;
    let client = connect(&server);
    let found = client.head_manifest(&tag("v1")).await.unwrap().unwrap();
    assert_eq!(found.digest, Digest::of(MANIFEST.as_bytes()));
    let path = "/v2/a/manifests/v1";
    assert_eq!(
        server.lines(),
        [format!("HEAD {path}"), format!("GET {path}")]
    );
    assert!(
        server.requests()[0]
            .header("accept")
            .unwrap()
            .contains(MediaType::OCI_INDEX)
    );
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let config = ClientConfig {
        insecure_registries: vec!["127.0.0.1:1".to_owned()],
        ..ClientConfig::default()
    };
    let client = client(config, Credentials::Anonymous);
    let error = |name: &str| {
        let client = client.clone();
        let repository = name.parse().unwrap();
        async move {
            let client = client.repository(&repository).unwrap();
            client
                .get_manifest(&tag("v1"))
                .await
                .unwrap_err()
                .to_string()
        }
    };
    assert_eq!(
        error("127.0.0.1:1/a").await,
        r#"Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused"#
    );
    // Without a network the resolver may say something else than with one.
    let unknown = error("registry.invalid/a").await;
    assert!(
        unknown.starts_with(
            r#"Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid: "#
        ),
        "{unknown}"
    );
}

#[tokio::test]
async fn lists_come_in_pages_and_not_in_circles() {
    let server = HostileServer::start(|request| match request.target.as_str() {
        "/v2/a/tags/list?n=1000" => Reply::new(200)
            .header("link", r#"</v2/a/tags/list?last=b&n=2>; rel="next""#)
            .json(r#"{"name":"a","tags":["a","b"]}"#),
        "/v2/a/tags/list?last=b&n=2" => Reply::new(200).json(r#"{"tags":["c","no tag"]}"#),
        _ => Reply::new(200)
            .header("link", "</v2/a/tags/list?again>; rel=next")
            .json(r#"{"tags":["x"]}"#),
    })
    .await;
    let client = connect(&server);
    let tags = client.list_tags(10_000).await.unwrap();
    let tags: Vec<_> = tags.iter().map(wharf_oci::Tag::as_str).collect();
    assert_eq!(tags, ["a", "b", "c"]);
    let error = client.list_tags(500).await.unwrap_err().to_string();
    assert!(error.contains("in a circle"), "{error}");
    assert_eq!(client.list_tags(2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn referrers_come_from_the_registry_or_from_their_tag() {
    let subject = Digest::of(b"subject");
    let entry = |kind: &str| {
        let digest = Digest::of(kind.as_bytes());
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{digest}","size":1,"artifactType":"{kind}"}}"#
        )
    };
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{},{}]}}"#,
        entry("text/a"),
        entry("text/b")
    );
    let wanted = MediaType::new("text/b");
    for knows_referrers in [true, false] {
        let index = index.clone();
        let server = HostileServer::start(move |request| {
            let by_api = request.target.contains("/referrers/");
            if by_api == knows_referrers {
                Reply::new(200)
                    .header("content-type", MediaType::OCI_INDEX)
                    .body(&index)
            } else {
                Reply::new(404)
            }
        })
        .await;
        let client = connect(&server);
        assert_eq!(client.referrers(&subject, None).await.unwrap().len(), 2);
        let found = client.referrers(&subject, Some(&wanted)).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].artifact_type.as_ref(), Some(&wanted));
        let asked = server.lines().pop().unwrap();
        let tag = referrers_tag(&subject).unwrap();
        let expected = if knows_referrers {
            format!("GET /v2/a/referrers/{subject}?artifactType=text%2Fb")
        } else {
            format!("GET /v2/a/manifests/{tag}")
        };
        assert_eq!(asked, expected);
    }
}

#[tokio::test]
async fn search_asks_the_first_api() {
    let server = HostileServer::start(|request| match request.target.as_str() {
        "/v1/_ping" => Reply::new(200).body("true"),
        "/v1/search?q=web%20server&n=25" => Reply::new(200).json(
            r#"{"num_results":2,"query":"web server","results":[
                {"name":"nginx","description":"x","star_count":5,"is_official":true},
                {"name":"other","description":null,"star_count":1,"is_automated":false}]}"#,
        ),
        _ => Reply::new(404),
    })
    .await;
    let client = client(ClientConfig::default(), Credentials::Anonymous);
    let term = format!("{}/web server", server.host());
    let search = |filters| {
        let (client, term) = (client.clone(), term.clone());
        async move {
            let found = client.search(&term, 0, filters).await.unwrap();
            let names: Vec<_> = found.into_iter().map(|result| result.name).collect();
            names.join(" ")
        }
    };
    let none = SearchFilters::default();
    assert_eq!(search(none).await, "nginx other");
    let official = Some(false);
    assert_eq!(
        search(SearchFilters {
            is_official: official,
            ..none
        })
        .await,
        "other"
    );
    assert_eq!(
        search(SearchFilters {
            stars: Some(3),
            ..none
        })
        .await,
        "nginx"
    );
    let error = client.search("x", 101, none).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "limit 101 is outside the range of [1, 100]"
    );
    let missing = format!("{}/other", server.host());
    let error = client.search(&missing, 5, none).await.unwrap_err();
    assert!(matches!(error, SearchError::Status { .. }));
    assert_eq!(error.to_string(), "Unexpected status code 404");
}

/// A registry that answers everybody never asks who that is.
#[tokio::test]
async fn search_shows_a_password_unasked() {
    let server = HostileServer::start(|request| match request.target.as_str() {
        "/v1/_ping" => Reply::new(200).body("true"),
        "/v1/search?q=a&n=25" => {
            let name = match request.header("authorization") {
                None => "public",
                Some("Basic bWU6c2VjcmV0") => "private",
                Some(_) => return Reply::new(401),
            };
            Reply::new(200).json(&format!(r#"{{"results":[{{"name":"{name}"}}]}}"#))
        }
        _ => Reply::new(404),
    })
    .await;
    let term = format!("{}/a", server.host());
    for (credentials, expected) in [
        (Credentials::Anonymous, Some("public")),
        (password("me", "secret"), Some("private")),
        (password("me", "wrong"), None),
    ] {
        let client = client(ClientConfig::default(), credentials);
        let found = client.search(&term, 0, SearchFilters::default()).await;
        match (found, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found[0].name, expected),
            (Err(error), None) => assert_eq!(error.to_string(), "Unexpected status code 401"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
}

#[tokio::test]
async fn a_mirror_without_the_manifest_is_not_asked_for_its_blobs() {
    let blob = content(1000);
    let served = blob.clone();
    let without = HostileServer::start(|_| Reply::new(404)).await;
    let with = HostileServer::start(move |request| {
        if request.line().contains("/manifests/") {
            return manifest_reply();
        }
        Reply::new(200).body(served.clone())
    })
    .await;
    let mirrors = [&without, &with].map(|mirror| format!("http://{}", mirror.host()));
    let config = ClientConfig {
        mirrors: mirrors.to_vec(),
        ..ClientConfig::default()
    };
    let client = client(config, Credentials::Anonymous);
    let repository = client.repository(&"busybox".parse().unwrap()).unwrap();
    repository.get_manifest(&tag("v1")).await.unwrap();
    assert!(pull(&repository, &blob, 0).await == blob);
    assert_eq!(without.lines(), ["GET /v2/library/busybox/manifests/v1"]);
    assert_eq!(with.lines().len(), 2);
}
