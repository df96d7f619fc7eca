//! Users.

use serde_json::{Value, json};

use crate::server::{PASSWORD, TestServer};

#[test]
fn users_are_made_by_administrators() {
    let server = TestServer::start();
    let admin = server.admin();
    let id = server.make_user("emon");
    let emon = server.client("emon", PASSWORD);
    let wish = |name: &str, email: &str, password: &str| json!({ "username": name, "email": email, "password": password });
    for (wish, status) in [
        (wish("emon", "other@example.com", PASSWORD), 409),
        (wish("other", "emon@example.com", PASSWORD), 409),
        (wish("robot$x", "x@example.com", PASSWORD), 400),
        (wish("other", "nowhere", PASSWORD), 400),
        (wish("other", "x@example.com", "weak"), 400),
    ] {
        assert_eq!(admin.post("/users", &wish).status, status, "{wish}");
    }
    // Nobody registers himself.
    let own = wish("me", "me@example.com", PASSWORD);
    assert_eq!(emon.post("/users", &own).status, 403);
    assert_eq!(server.anonymous().post("/users", &own).status, 401);
    assert_eq!(emon.get("/users").status, 403);
    assert_eq!(
        admin.get("/users?sort=-username").column("username"),
        ["emon", "admin"]
    );
    let found = emon.get("/users/search?username=DMI");
    assert_eq!(found.json, json!([{ "user_id": 1, "username": "admin" }]));
    assert_eq!(emon.get("/users/search").status, 400);
    // What filters would tell of others a search does not tell.
    let filtered = emon.get("/users/search?username=a&q=email=~x&sort=email");
    assert_eq!(filtered.status, 200);
    assert_eq!(
        emon.get(&format!("/users/{id}")).json["email"],
        "emon@example.com"
    );
    assert_eq!(emon.get("/users/1").status, 403);
    assert_eq!(emon.get("/users/999").status, 403);
    assert_eq!(admin.get("/users/999").status, 404);
    let changed = emon.put(&format!("/users/{id}"), &json!({ "realname": "Emon E." }));
    assert_eq!(changed.status, 200, "{changed:?}");
    let shown = emon.get("/users/current").json;
    assert_eq!(
        (&shown["realname"], &shown["email"]),
        (&json!("Emon E."), &json!("emon@example.com"))
    );
}

#[test]
fn there_is_always_an_administrator() {
    let server = TestServer::start();
    let admin = server.admin();
    let id = server.make_user("emon");
    let emon = server.client("emon", PASSWORD);
    let flag = |is_sysadmin: bool| json!({ "sysadmin_flag": is_sysadmin });
    assert_eq!(
        emon.put(&format!("/users/{id}/sysadmin"), &flag(true))
            .status,
        403
    );
    assert_eq!(admin.put("/users/1/sysadmin", &flag(false)).status, 412);
    assert_eq!(
        admin.delete("/users/1").status,
        403,
        "nobody deletes himself"
    );
    assert_eq!(
        admin
            .put(&format!("/users/{id}/sysadmin"), &flag(true))
            .status,
        200
    );
    assert_eq!(
        emon.get("/users").status,
        200,
        "it counts from the next request on"
    );
    assert_eq!(emon.put("/users/1/sysadmin", &flag(false)).status, 200);
    assert_eq!(admin.get("/users").status, 403);
    assert_eq!(emon.delete("/users/1").status, 200);
    assert_eq!(admin.get("/projects").status, 401);
    assert_eq!(emon.delete("/users/1").status, 404);
}

/// A robot that manages users does not become an administrator by it.
#[test]
fn a_robot_that_manages_users_reaches_no_administrator() {
    let server = TestServer::start();
    let admin = server.admin();
    let id = server.make_user("emon");
    let access: Vec<Value> = ["create", "read", "update", "list", "delete"]
        .iter()
        .map(|action| json!({ "resource": "user", "action": action }))
        .collect();
    let made = admin.post(
        "/robots",
        &json!({ "name": "hr", "level": "system", "duration": 1, "permissions": [{ "kind": "system", "namespace": "/", "access": access }] }),
    );
    let text = |field: &str| made.json[field].as_str().expect("it is there").to_owned();
    let robot = server.client(&text("name"), &text("secret"));
    assert_eq!(robot.get("/users").status, 200);
    assert_eq!(robot.get("/users/current").status, 412);
    for user in [1, id] {
        let path = format!("/users/{user}");
        let password = json!({ "new_password": "Better12345" });
        assert_eq!(
            robot.put(&format!("{path}/password"), &password).status,
            403
        );
        let sysadmin = json!({ "sysadmin_flag": true });
        assert_eq!(
            robot.put(&format!("{path}/sysadmin"), &sysadmin).status,
            403
        );
    }
    assert_eq!(
        robot
            .put("/users/1", &json!({ "email": "evil@example.com" }))
            .status,
        403
    );
    assert_eq!(robot.delete("/users/1").status, 403);
    assert_eq!(
        robot
            .put(&format!("/users/{id}"), &json!({ "comment": "x" }))
            .status,
        200
    );
    assert_eq!(robot.delete(&format!("/users/{id}")).status, 200);
}

#[test]
fn everybody_learns_what_he_may() {
    let server = TestServer::start();
    server.make_user("emon");
    let project = server.make_project("team", false);
    server.make_member("team", "emon", 3);
    let emon = server.client("emon", PASSWORD);
    let permissions = |scope: &str| {
        let reply = emon.get(&format!(
            "/users/current/permissions?scope={scope}&relative=true"
        ));
        let list = reply.json.as_array().expect("it is there").clone();
        list.iter()
            .map(|entry| {
                format!(
                    "{}:{}",
                    entry["resource"].as_str().expect("it is there"),
                    entry["action"].as_str().expect("it is there")
                )
            })
            .collect::<Vec<_>>()
    };
    let own = permissions(&format!("/project/{project}"));
    assert!(own.contains(&"repository:pull".to_owned()), "{own:?}");
    assert!(!own.contains(&"repository:push".to_owned()), "{own:?}");
    assert_eq!(permissions("/project/999"), [""; 0]);
    assert_eq!(permissions("/system"), [""; 0]);
    let all = emon.get("/permissions").json;
    assert_eq!(all["system"].as_array().expect("it is there").len(), 70);
}
