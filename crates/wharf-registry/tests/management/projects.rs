//! Projects, their settings, members and logs.

use serde_json::json;

use crate::server::{PASSWORD, TestServer};
use crate::world::push_image;

#[test]
fn a_list_shows_what_somebody_may_see_in_the_order_he_wants() {
    let server = TestServer::start();
    for (name, public) in [("alpha", false), ("beta", true), ("gamma", false)] {
        server.make_project(name, public);
    }
    server.make_user("emon");
    server.make_member("gamma", "emon", 3);
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    let names = |reply: crate::server::Reply| reply.column("name");
    assert_eq!(
        names(server.anonymous().get("/projects")),
        ["library", "beta"]
    );
    assert_eq!(
        names(emon.get("/projects?sort=-name")),
        ["library", "gamma", "beta"]
    );
    assert_eq!(names(emon.get("/projects?public=false")), ["gamma"]);
    assert_eq!(names(admin.get("/projects?name=ET")), ["beta"]);
    assert_eq!(
        names(admin.get("/projects?q=name=~a,public=false&sort=name")),
        ["alpha", "gamma"]
    );
    assert_eq!(
        names(admin.get("/projects?q=name=%7Balpha%20beta%7D&sort=name")),
        ["alpha", "beta"]
    );
    let page = admin.get("/projects?sort=name&page=2&page_size=1&q=name=~a");
    assert_eq!(names(page.clone()), ["beta"]);
    assert_eq!(page.header("x-total-count"), Some("4"));
    let link = page.header("link").expect("it is there");
    for part in [
        "page=1&page_size=1>; rel=\"prev\"",
        "page=3&page_size=1>; rel=\"next\"",
        "sort=name",
    ] {
        assert!(link.contains(part), "{link}");
    }
    for (query, status) in [
        ("page_size=101", 422),
        ("page=0", 422),
        ("q=x=1", 400),
        ("q=name", 400),
        ("sort=x", 400),
        ("q=project_id=a", 400),
        ("q=public=~t", 400),
    ] {
        assert_eq!(
            admin.get(&format!("/projects?{query}")).status,
            status,
            "{query}"
        );
    }
    // What somebody writes is text, not SQL.
    assert_eq!(
        names(admin.get("/projects?q=name=~%27%20OR%201=1%20--")),
        [""; 0]
    );
}

#[test]
fn a_project_is_named_by_name_or_by_number() {
    let server = TestServer::start();
    let id = server.make_project("12345", false);
    let admin = server.admin();
    assert_eq!(admin.get(&format!("/projects/{id}")).json["name"], "12345");
    assert_eq!(admin.get("/projects/12345").status, 404);
    let by_name = admin.clone().with("X-Is-Resource-Name", "true");
    assert_eq!(by_name.get("/projects/12345").json["project_id"], id);
    let head = |name: &str| {
        let path = format!("/api/v2.0/projects?project_name={name}");
        server.admin().send("HEAD", &path, b"").status
    };
    assert_eq!((head("12345"), head("absent")), (200, 404));
}

#[test]
fn a_project_is_made_changed_and_removed() {
    let server = TestServer::start();
    server.make_user("emon");
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    let make = |name: &str| {
        emon.post("/projects", &json!({ "project_name": name }))
            .status
    };
    assert_eq!(
        (make("team"), make("team"), make("Team"), make("a/b")),
        (201, 409, 400, 400)
    );
    for refused in [
        json!({ "storage_limit": 5 }),
        json!({ "registry_id": 1 }),
        json!({ "metadata": { "prevent_vul": "true" } }),
    ] {
        let mut wish = json!({ "project_name": "other" });
        wish.as_object_mut()
            .expect("it is there")
            .extend(refused.as_object().expect("it is there").clone());
        assert_eq!(emon.post("/projects", &wish).status, 400, "{wish}");
    }
    assert_eq!(emon.get("/projects/team").json["current_user_role_id"], 1);
    assert_eq!(
        emon.put(
            "/projects/team",
            &json!({ "metadata": { "public": "true" } })
        )
        .status,
        200
    );
    assert_eq!(
        server.anonymous().get("/projects/team").json["metadata"]["public"],
        "true"
    );
    push_image(&emon, "team/app", "v1", "me");
    let summary = emon.get("/projects/team/summary").json;
    assert_eq!(
        (&summary["repo_count"], &summary["project_admin_count"]),
        (&json!(1), &json!(1))
    );
    assert!(
        summary["quota"]["used"]["storage"]
            .as_u64()
            .expect("it is there")
            > 0
    );
    assert!(
        server
            .anonymous()
            .get("/projects/team/summary")
            .json
            .get("project_admin_count")
            .is_none()
    );
    assert_eq!(
        emon.get("/projects/team/_deletable").json["deletable"],
        false
    );
    assert_eq!(emon.delete("/projects/team").status, 412);
    assert_eq!(emon.delete("/projects/team/repositories/app").status, 200);
    assert_eq!(emon.delete("/projects/team").status, 200);
    assert_eq!(emon.get("/projects/team").status, 404);
    let log = admin.get("/audit-logs?q=resource=team&sort=id").json;
    let operations: Vec<_> = log
        .as_array()
        .expect("it is there")
        .iter()
        .map(|entry| entry["operation"].clone())
        .collect();
    assert_eq!(operations, ["create", "update", "delete"]);
}

#[test]
fn only_administrators_make_projects_when_they_say_so() {
    let server = TestServer::start();
    server.make_user("emon");
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    let restrict = |word: &str| {
        admin
            .put(
                "/configurations",
                &json!({ "project_creation_restriction": word }),
            )
            .status
    };
    assert_eq!((restrict("nobody"), restrict("adminonly")), (400, 200));
    assert_eq!(
        admin
            .put("/configurations", &json!({ "ldap_url": "x" }))
            .status,
        400
    );
    assert_eq!(
        emon.post("/projects", &json!({ "project_name": "team" }))
            .status,
        403
    );
    assert_eq!(
        admin.get("/configurations").json["project_creation_restriction"]["value"],
        "adminonly"
    );
    assert_eq!(restrict("everyone"), 200);
    assert_eq!(
        emon.post("/projects", &json!({ "project_name": "team" }))
            .status,
        201
    );
}

#[test]
fn settings_of_a_project_are_read_and_set_one_by_one() {
    let server = TestServer::start();
    server.make_project("team", false);
    let admin = server.admin();
    let path = "/projects/team/metadatas";
    assert_eq!(
        admin.get(&format!("{path}/")).json,
        json!({ "public": "false" })
    );
    assert_eq!(admin.get(&format!("{path}/severity")).status, 404);
    assert_eq!(
        admin
            .post(&format!("{path}/"), &json!({ "severity": "high" }))
            .status,
        200
    );
    assert_eq!(
        admin
            .post(&format!("{path}/"), &json!({ "severity": "low" }))
            .status,
        409
    );
    assert_eq!(
        admin
            .put(&format!("{path}/severity"), &json!({ "severity": "low" }))
            .status,
        200
    );
    assert_eq!(
        admin
            .put(&format!("{path}/severity"), &json!({ "public": "true" }))
            .status,
        400
    );
    assert_eq!(
        admin.get(&format!("{path}/severity")).json,
        json!({ "severity": "low" })
    );
    assert_eq!(admin.delete(&format!("{path}/severity")).status, 200);
    assert_eq!(admin.delete(&format!("{path}/severity")).status, 404);
    assert_eq!(admin.delete(&format!("{path}/public")).status, 400);
}

#[test]
fn a_membership_ends_in_the_middle_of_a_session() {
    let server = TestServer::start();
    server.make_user("emon");
    server.make_project("team", false);
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    let wish =
        |role: i64, name: &str| json!({ "role_id": role, "member_user": { "username": name } });
    let members = "/projects/team/members";
    assert_eq!(emon.get("/projects/team").status, 404);
    let made = admin.post(members, &wish(3, "emon"));
    assert_eq!(made.status, 201, "{made:?}");
    let member = format!("{members}/{}", made.created());
    assert_eq!(admin.post(members, &wish(3, "emon")).status, 409);
    assert_eq!(admin.post(members, &wish(3, "nobody")).status, 404);
    assert_eq!(admin.post(members, &wish(6, "emon")).status, 400);
    assert_eq!(admin.post(members, &json!({ "role_id": 1 })).status, 400);
    assert_eq!(emon.get("/projects/team").status, 200);
    assert_eq!(emon.post(members, &wish(1, "emon")).status, 403);
    assert_eq!(emon.put(&member, &json!({ "role_id": 1 })).status, 403);
    let upload = |status| {
        let reply = emon.send("POST", "/v2/team/app/blobs/uploads/", b"");
        assert_eq!(reply.status, status, "{reply:?}");
    };
    upload(403);
    assert_eq!(admin.put(&member, &json!({ "role_id": 2 })).status, 200);
    upload(202);
    assert_eq!(
        admin
            .get(&format!("{members}?entityname=EMO"))
            .column("role_name"),
        ["developer"]
    );
    // A membership of another project is none of this one.
    server.make_project("other", false);
    let foreign = member.replace("team", "other");
    assert_eq!(admin.get(&foreign).status, 404);
    assert_eq!(admin.put(&foreign, &json!({ "role_id": 1 })).status, 404);
    assert_eq!(admin.delete(&foreign).status, 404);
    assert_eq!(admin.delete(&member).status, 200);
    upload(404);
    assert_eq!(emon.get("/projects/team").status, 404);
    assert_eq!(admin.get("/projects/team/logs").status, 200);
}

#[test]
fn search_and_counts_show_what_somebody_may_see() {
    let server = TestServer::start();
    server.make_project("team", false);
    let admin = server.admin();
    push_image(&admin, "team/secret-app", "v1", "me");
    push_image(&admin, "library/open-app", "v1", "me");
    let found = |client: &crate::server::Client| {
        let reply = client.get("/search?q=app").json;
        let entries = reply["repository"].as_array().expect("it is there").clone();
        entries
            .iter()
            .map(|entry| {
                entry["repository_name"]
                    .as_str()
                    .expect("it is there")
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&server.anonymous()), ["library/open-app"]);
    assert_eq!(found(&admin), ["library/open-app", "team/secret-app"]);
    let docker = server
        .anonymous()
        .send("GET", "/v1/search?q=app&n=25", b"")
        .json;
    assert_eq!(docker["num_results"], 1);
    assert_eq!(docker["results"][0]["name"], "library/open-app");
    let counts = admin.get("/statistics").json;
    assert_eq!(
        (&counts["private_repo_count"], &counts["total_repo_count"]),
        (&json!(1), &json!(2))
    );
    assert!(
        server
            .anonymous()
            .get("/systeminfo")
            .json
            .get("harbor_version")
            .is_none()
    );
    assert!(
        admin.get("/systeminfo").json["harbor_version"]
            .as_str()
            .expect("it is there")
            .starts_with("v2.15.0-wharf-")
    );
}
