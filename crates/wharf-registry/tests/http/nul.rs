//! A character that SQLite and JSON know and PostgreSQL does not: U+0000.

use serde_json::json;

use crate::server::{TestServer, basic, digest};

const REPOSITORY: &str = "library/r";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

#[test]
fn nobody_is_found_by_a_name_with_nul() {
    let server = TestServer::start();
    for (name, password) in [("ad\0min", "x"), ("admin", "x\0"), ("robot$\0", "x")] {
        let header = basic(name, password);
        let answer = server.ask_as_nobody("GET", "/v2/", &[&header], b"");
        assert_eq!(answer.status, 401, "{name:?}");
    }
    server.must_be_well();
}

#[test]
fn queries_and_paths_with_nul_are_refused_or_find_nothing() {
    let server = TestServer::start();
    let layer = server.push_blob(REPOSITORY, b"layer");
    let targets = [
        format!("/v2/{REPOSITORY}/tags/list?last=%00"),
        format!("/v2/{REPOSITORY}/tags/list?n=%00"),
        "/v2/_catalog?last=a%00".to_owned(),
        format!("/v2/{REPOSITORY}/referrers/{layer}?artifactType=a%00"),
        format!("/v2/{REPOSITORY}/referrers/{layer}?last=a%00"),
        format!("/v2/{REPOSITORY}/manifests/a%00"),
        "/v2/libr%00ary/tags/list".to_owned(),
        "/service/token?service=%00&scope=repository:a%00:pull".to_owned(),
        "/api/v2.0/projects?name=a%00".to_owned(),
        "/api/v2.0/projects?q=name%3D~a%00".to_owned(),
        "/api/v2.0/projects/a%00".to_owned(),
        "/api/v2.0/projects/library/repositories?q=name%3D~a%00".to_owned(),
        "/api/v2.0/projects/library/members?entityname=a%00".to_owned(),
        "/api/v2.0/projects/library/logs?q=operation%3Da%00".to_owned(),
        "/api/v2.0/search?q=a%00".to_owned(),
        "/api/v2.0/users?q=username%3D~a%00".to_owned(),
        "/api/v2.0/users/search?username=a%00".to_owned(),
        "/api/v2.0/robots?q=name%3Da%00".to_owned(),
        "/api/v2.0/audit-logs?q=username%3Da%00".to_owned(),
    ];
    for target in &targets {
        let status = server.ask("GET", target, &[], b"").status;
        assert!(status < 500, "GET {target}: {status}");
    }
    for query in ["from=a%00", "mount=a%00&from=library/r"] {
        let path = format!("/v2/{REPOSITORY}/blobs/uploads/?{query}");
        let status = server.ask("POST", &path, &[], b"").status;
        assert!(status < 500, "POST {path}: {status}");
    }
    server.must_be_well();
}

#[test]
fn manifests_with_nul_are_served_as_they_came_or_refused() {
    let server = TestServer::start();
    let config = server.push_blob(REPOSITORY, b"{\"author\":\"\\u0000\"}");
    let described =
        |media_type: &str| json!({ "mediaType": media_type, "digest": config, "size": 19 });
    let bare = |media_type: &str| {
        json!({
            "schemaVersion": 2, "mediaType": IMAGE,
            "config": described(media_type), "layers": [],
        })
    };
    let mut variants = vec![bare("a/b\0")];
    for (key, value) in [
        ("artifactType", json!("a/b\0")),
        ("annotations", json!({ "k\0": "v\0" })),
        ("layers", json!([described("c/d\0")])),
        ("more", json!("\0")),
    ] {
        let mut variant = bare("a/b");
        variant[key] = value;
        variant["subject"] = json!({ "mediaType": IMAGE, "digest": config, "size": 19 });
        variants.push(variant);
    }
    for variant in variants {
        let json = variant.to_string();
        let pushed = server.push_manifest(REPOSITORY, "tag", &json);
        if pushed.status == 201 {
            let path = format!("/v2/{REPOSITORY}/manifests/{}", digest(json.as_bytes()));
            let got = server.ask("GET", &path, &[], b"").expect(200);
            assert_eq!(got.body, json.as_bytes());
        } else {
            pushed.refuses(400, "MANIFEST_INVALID");
        }
    }
    let path = format!("/v2/{REPOSITORY}/referrers/{config}");
    server.ask("GET", &path, &[], b"").expect(200);
    let path = "/api/v2.0/projects/library/repositories/r/artifacts";
    server.ask("GET", path, &[], b"").expect(200);
    server.must_be_well();
}

#[test]
fn documents_of_the_management_api_have_no_nul() {
    let server = TestServer::start();
    let json = ["Content-Type: application/json"];
    let ask = |method: &str, path: &str, body: &serde_json::Value| {
        let path = format!("/api/v2.0/{path}");
        server.ask(method, &path, &json, body.to_string().as_bytes())
    };
    let user = |name: &str, email: &str, realname: &str, comment: &str| {
        json!({
            "username": name, "email": email, "realname": realname, "comment": comment,
            "password": "Harbor12345",
        })
    };
    let refused = [
        ("POST", "users", user("a\0", "a@b.c", "a", "a")),
        ("POST", "users", user("a", "a\0@b.c", "a", "a")),
        ("POST", "users", user("a", "a@b.c", "a\0", "a")),
        ("POST", "users", user("a", "a@b.c", "a", "a\0")),
        ("POST", "projects", json!({ "project_name": "a\0" })),
        (
            "POST",
            "projects",
            json!({ "project_name": "a", "metadata": { "public": "\0" } }),
        ),
        (
            "PUT",
            "projects/library",
            json!({ "metadata": { "severity": "\0" } }),
        ),
        (
            "POST",
            "projects/library/members",
            json!({ "role_id": 1, "member_user": { "username": "a\0" } }),
        ),
        (
            "PUT",
            "projects/library/repositories/r",
            json!({ "description": "a\0" }),
        ),
        (
            "POST",
            "robots",
            json!({
                "name": "a", "description": "a\0", "level": "system", "duration": -1,
                "permissions": [{
                    "kind": "project", "namespace": "library",
                    "access": [{ "resource": "repository", "action": "pull" }],
                }],
            }),
        ),
    ];
    server.push_blob(REPOSITORY, b"layer");
    for (method, path, body) in refused {
        let status = ask(method, path, &body).status;
        assert_eq!(status, 400, "{method} {path} {body}");
    }
    server.must_be_well();
}
