//! Sessions of browsers.

use serde_json::json;

use crate::server::{Client, PASSWORD, Reply, TestServer};

fn sign_in(server: &TestServer, name: &str, password: &str) -> Reply {
    let form = format!("principal={name}&password={password}");
    server.anonymous().send("POST", "/c/login", form.as_bytes())
}

/// A browser that was signed in, without and with the token for changes.
fn browser(server: &TestServer, name: &str) -> (Client, Client) {
    let reply = sign_in(server, name, PASSWORD);
    assert_eq!(reply.status, 200, "{reply:?}");
    let cookie = reply.header("set-cookie").expect("it is there");
    let client = server
        .anonymous()
        .with("Cookie", cookie.split(';').next().expect("it is there"));
    let known = client.get("/users/current");
    let token = known.header("x-harbor-csrf-token").expect("it is there");
    (client.clone(), client.with("X-Harbor-CSRF-Token", token))
}

#[test]
fn a_session_reads_with_its_cookie_and_changes_with_its_token() {
    let server = TestServer::start();
    let reply = sign_in(&server, "admin", PASSWORD);
    let cookie = reply.header("set-cookie").expect("it is there");
    for attribute in ["sid=", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let (reads, changes) = browser(&server, "admin");
    assert_eq!(reads.get("/users/current").json["username"], "admin");
    let wish = json!({ "project_name": "team" });
    assert_eq!(reads.post("/projects", &wish).status, 403);
    let wrong = reads.clone().with("X-Harbor-CSRF-Token", "0");
    assert_eq!(wrong.post("/projects", &wish).status, 403);
    assert_eq!(changes.post("/projects", &wish).status, 201);
    // The token of another session is none here.
    let (_, other) = browser(&server, "admin");
    let token_of_other = other.get("/users/current");
    let mixed = reads.with(
        "X-Harbor-CSRF-Token",
        token_of_other
            .header("x-harbor-csrf-token")
            .expect("it is there"),
    );
    assert_eq!(mixed.delete("/projects/team").status, 403);
    assert_eq!(changes.send("GET", "/c/log_out", b"").status, 200);
    assert_eq!(changes.get("/users/current").status, 401);
    assert_eq!(other.get("/users/current").status, 200);
}

#[test]
fn signing_in_needs_the_password_and_no_other_site() {
    let server = TestServer::start();
    assert_eq!(sign_in(&server, "admin", "wrong").status, 401);
    assert_eq!(sign_in(&server, "nobody", PASSWORD).status, 401);
    let form = format!("principal=admin&password={PASSWORD}");
    for (name, value) in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
    ] {
        let other_site = server.anonymous().with(name, value);
        let reply = other_site.send("POST", "/c/login", form.as_bytes());
        assert_eq!(reply.status, 403, "{name}: {value}");
    }
}

#[test]
fn robots_and_tokens_open_no_session_and_no_management() {
    let server = TestServer::start();
    let admin = server.admin();
    let token = admin.send("GET", "/service/token?scope=repository:library/a:pull", b"");
    let token = token.json["token"].as_str().expect("it is there");
    let bearer = server
        .anonymous()
        .with("Authorization", &format!("Bearer {token}"));
    assert_eq!(bearer.get("/users/current").status, 401);
    assert_eq!(bearer.get("/projects").status, 401);
    // A token for reading must not be the way to one for writing.
    let wider = bearer.send("GET", "/service/token?scope=repository:library/a:push", b"");
    assert_eq!(wider.status, 401);
}

#[test]
fn a_new_password_ends_sessions_and_the_old_password() {
    let server = TestServer::start();
    let id = server.make_user("emon");
    let emon = server.client("emon", PASSWORD);
    let (reads, changes) = browser(&server, "emon");
    let path = format!("/users/{id}/password");
    let change = |old: &str, new: &str| json!({ "old_password": old, "new_password": new });
    assert_eq!(
        emon.put(&path, &change("Wrong12345", "Better12345")).status,
        403
    );
    assert_eq!(emon.put(&path, &change(PASSWORD, "weak")).status, 400);
    assert_eq!(emon.put(&path, &change(PASSWORD, PASSWORD)).status, 400);
    assert_eq!(reads.get("/users/current").status, 200);
    assert_eq!(
        changes.put(&path, &change(PASSWORD, "Better12345")).status,
        200
    );
    assert_eq!(reads.get("/users/current").status, 401);
    assert_eq!(emon.get("/users/current").status, 401);
    let emon = server.client("emon", "Better12345");
    assert_eq!(emon.get("/users/current").status, 200);
    // An administrator sets it without knowing it.
    let reset = server
        .admin()
        .put(&path, &json!({ "new_password": "Newest12345" }));
    assert_eq!(reset.status, 200, "{reset:?}");
    assert_eq!(emon.get("/users/current").status, 401);
}
