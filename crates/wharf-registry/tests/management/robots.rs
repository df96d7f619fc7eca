//! Robots.

use serde_json::{Value, json};

use crate::server::{Client, PASSWORD, Reply, TestServer};

fn permission(namespace: &str, permissions: &[&str]) -> Value {
    let access = permissions.iter().map(|text| {
        let (resource, action) = text.split_once(':').expect("it is there");
        json!({ "resource": resource, "action": action })
    });
    let kind = if namespace == "/" {
        "system"
    } else {
        "project"
    };
    json!({ "kind": kind, "namespace": namespace, "access": access.collect::<Vec<_>>() })
}

fn make(client: &Client, name: &str, level: &str, permissions: &[Value]) -> Reply {
    client.post(
        "/robots",
        &json!({ "name": name, "level": level, "duration": -1, "permissions": permissions }),
    )
}

fn as_robot(server: &TestServer, made: &Reply) -> Client {
    let text = |field: &str| made.json[field].as_str().expect("it is there").to_owned();
    server.client(&text("name"), &text("secret"))
}

#[test]
fn a_robot_works_until_it_is_disabled_or_gets_a_new_secret() {
    let server = TestServer::start();
    server.make_project("team", false);
    let admin = server.admin();
    let made = make(
        &admin,
        "ci",
        "project",
        &[permission("team", &["repository:push", "repository:pull"])],
    );
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json["name"], "robot$team+ci");
    let robot = as_robot(&server, &made);
    let path = format!("/robots/{}", made.json["id"]);
    let upload = |client: &Client| {
        client
            .send("POST", "/v2/team/app/blobs/uploads/", b"")
            .status
    };
    assert_eq!(upload(&robot), 202);
    let shown = admin.get(&path).json;
    assert_eq!(
        (&shown["level"], &shown["expires_at"]),
        (&json!("project"), &json!(-1))
    );
    assert!(shown.get("secret").is_none(), "a secret is told once");
    assert_eq!(admin.put(&path, &json!({ "disable": true })).status, 200);
    assert_eq!(upload(&robot), 401);
    assert_eq!(admin.put(&path, &json!({ "disable": false })).status, 200);
    assert_eq!(upload(&robot), 202);
    // Its next request has the new permissions.
    let fewer = json!({ "permissions": [permission("team", &["repository:pull"])] });
    assert_eq!(admin.put(&path, &fewer).status, 200);
    assert_eq!(upload(&robot), 403);
    assert_eq!(admin.put(&path, &json!({ "name": "other" })).status, 400);
    let refreshed = admin.patch(&path, &json!({ "secret": "" }));
    assert_eq!(robot.send("GET", "/v2/", b"").status, 401, "the old secret");
    let secret = refreshed.json["secret"].as_str().expect("it is there");
    let again = server.client("robot$team+ci", secret);
    assert_eq!(again.send("GET", "/v2/", b"").status, 200);
    assert_eq!(admin.patch(&path, &json!({ "secret": "weak" })).status, 400);
    assert_eq!(admin.delete(&path).status, 200);
    assert_eq!(admin.get(&path).status, 404);
    assert_eq!(again.send("GET", "/v2/", b"").status, 401);
}

#[test]
fn a_robot_is_made_as_its_level_allows() {
    let server = TestServer::start();
    server.make_project("team", false);
    server.make_project("other", false);
    let admin = server.admin();
    let pull = |namespace: &str| permission(namespace, &["repository:pull"]);
    for (name, level, permissions, status) in [
        ("a", "project", vec![pull("team")], 201),
        ("a", "project", vec![pull("team")], 409),
        ("a", "project", vec![pull("other")], 201),
        ("b", "project", vec![pull("team"), pull("other")], 400),
        ("b", "project", vec![pull("*")], 400),
        ("b", "project", vec![pull("absent")], 404),
        ("b", "project", vec![], 400),
        (
            "b",
            "project",
            vec![permission("team", &["robot:update"])],
            400,
        ),
        ("B", "project", vec![pull("team")], 400),
        (
            "b",
            "system",
            vec![pull("team"), pull("*"), permission("/", &["catalog:read"])],
            201,
        ),
        (
            "b",
            "system",
            vec![permission("/", &["repository:pull"])],
            400,
        ),
        ("c", "system", vec![pull("absent")], 404),
    ] {
        let made = make(&admin, name, level, &permissions);
        assert_eq!(
            made.status,
            status,
            "{name} {level} {permissions:?}: {}",
            made.message()
        );
    }
    let of_team = admin.get("/robots?q=Level=project,ProjectID=2");
    assert_eq!(of_team.column("name"), ["robot$team+a"]);
    assert_eq!(admin.get("/robots").column("name"), ["robot$b"]);
    assert_eq!(
        admin.get("/projects/team/robots").column("name"),
        ["robot$team+a"]
    );
}

/// CVE-2022-31667 and the others of its family: who manages robots of one project reached those of another.
#[test]
fn robots_of_another_project_are_out_of_reach() {
    let server = TestServer::start();
    server.make_user("emon");
    server.make_project("team", false);
    server.make_project("other", false);
    server.make_member("team", "emon", 1);
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    let foreign = make(
        &admin,
        "ci",
        "project",
        &[permission("other", &["repository:pull"])],
    );
    let id = foreign.json["id"].as_i64().expect("it is there");
    for path in [
        format!("/robots/{id}"),
        format!("/projects/team/robots/{id}"),
    ] {
        assert_eq!(emon.get(&path).status, 404, "{path}");
        assert_eq!(
            emon.put(&path, &json!({ "disable": true })).status,
            404,
            "{path}"
        );
        assert_eq!(emon.delete(&path).status, 404, "{path}");
        let absent = path.replace(&id.to_string(), "999");
        let told = emon.get(&path).message().replace(&id.to_string(), "999");
        assert_eq!(told, emon.get(&absent).message());
    }
    assert_eq!(emon.patch(&format!("/robots/{id}"), &json!({})).status, 404);
    assert_eq!(emon.get("/robots?q=Level=project,ProjectID=3").status, 404);
    assert_eq!(emon.get("/robots").status, 403);
    let made = make(
        &emon,
        "x",
        "project",
        &[permission("other", &["repository:pull"])],
    );
    assert_eq!(made.status, 404);
    let made = make(
        &emon,
        "x",
        "project",
        &[
            permission("team", &["repository:pull"]),
            permission("other", &["repository:pull"]),
        ],
    );
    assert_eq!(made.status, 400);
    let made = make(
        &emon,
        "x",
        "system",
        &[permission("other", &["repository:pull"])],
    );
    assert_eq!(made.status, 403);
    assert_eq!(admin.get(&format!("/robots/{id}")).json["disable"], false);
}

#[test]
fn a_robot_passes_on_no_more_than_it_has() {
    let server = TestServer::start();
    server.make_project("team", false);
    let admin = server.admin();
    let made = make(
        &admin,
        "maker",
        "project",
        &[permission("team", &["robot:create", "repository:pull"])],
    );
    let maker = as_robot(&server, &made);
    let pull = permission("team", &["repository:pull"]);
    assert_eq!(make(&maker, "less", "project", &[pull]).status, 201);
    let push = permission("team", &["repository:push"]);
    assert_eq!(make(&maker, "more", "project", &[push]).status, 403);
}

#[test]
fn a_robot_of_a_project_that_is_gone_opens_nothing_of_the_next() {
    let server = TestServer::start();
    let old = server.make_project("team", false);
    let admin = server.admin();
    let made = make(
        &admin,
        "wide",
        "system",
        &[permission("team", &["repository:pull", "project:read"])],
    );
    let robot = as_robot(&server, &made);
    assert_eq!(robot.get("/projects/team").status, 200);
    assert_eq!(admin.delete("/projects/team").status, 200);
    let new = server.make_project("team", false);
    assert_ne!(old, new, "a number is given once");
    assert_eq!(robot.get("/projects/team").status, 404);
    let path = format!("/robots/{}", made.json["id"]);
    assert_eq!(admin.get(&path).json["permissions"], json!([]));
    assert_eq!(admin.put(&path, &json!({ "disable": true })).status, 200);
}

#[test]
fn older_clients_make_robots_in_their_form() {
    let server = TestServer::start();
    let id = server.make_project("team", false);
    let admin = server.admin();
    let resource = format!("/project/{id}/repository");
    let wish = json!({ "name": "old", "expires_at": -1, "access": [{ "resource": resource, "action": "pull" }] });
    let made = admin.post("/projects/team/robots", &wish);
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/projects/{id}/robots/{}", made.json["id"]);
    assert_eq!(
        admin.get(&path).json["permissions"][0]["access"][0]["action"],
        "pull"
    );
    assert_eq!(admin.put(&path, &json!({ "disable": true })).status, 200);
    assert_eq!(admin.get(&path).json["disable"], true);
    assert_eq!(admin.delete(&path).status, 200);
    // A resource of another project is none.
    let foreign = json!({ "name": "old", "access": [{ "resource": "/project/1/repository", "action": "pull" }] });
    assert_eq!(admin.post("/projects/team/robots", &foreign).status, 400);
}
