//! Repositories, artifacts, tags.

use serde_json::json;

use crate::server::{PASSWORD, TestServer};
use crate::world::{push_accessory, push_image, push_index};

const ARTIFACTS: &str = "/projects/library/repositories/a%252Fb/artifacts";

#[test]
fn an_artifact_tells_what_its_config_says() {
    let server = TestServer::start();
    let admin = server.admin();
    let digest = push_image(&admin, "library/a/b", "v1", "Emon");
    let artifact = admin.get(&format!("{ARTIFACTS}/v1")).json;
    assert_eq!(artifact["digest"], digest);
    assert_eq!(artifact["type"], "IMAGE");
    assert_eq!(artifact["extra_attrs"]["author"], "Emon");
    assert_eq!(artifact["extra_attrs"]["config"]["Cmd"], json!(["sh"]));
    assert_eq!(artifact["tags"][0]["name"], "v1");
    assert_eq!(artifact["pushed_by"], "admin");
    let href = artifact["addition_links"]["build_history"]["href"]
        .as_str()
        .expect("it is there");
    let history = admin.send("GET", href, b"");
    assert_eq!(history.json[0]["created_by"], "COPY . /");
    assert_eq!(
        admin
            .get(&format!("{ARTIFACTS}/v1/additions/readme.md"))
            .status,
        400
    );
    for (reference, status) in [("v2", 404), (digest.as_str(), 200), ("sha256:1", 400)] {
        assert_eq!(
            admin.get(&format!("{ARTIFACTS}/{reference}")).status,
            status,
            "{reference}"
        );
    }
}

#[test]
fn a_list_leaves_out_what_belongs_to_another() {
    let server = TestServer::start();
    let admin = server.admin();
    let image = push_image(&admin, "library/a/b", "v1", "one");
    let index = push_index(&admin, "library/a/b", "multi", &image);
    let untagged = push_image(&admin, "library/a/b", &image, "one");
    assert_eq!(untagged, image);
    let signature = push_accessory(
        &admin,
        "library/a/b",
        &image,
        "application/vnd.dev.cosign.artifact.sig.v1+json",
    );
    let digests = |query: &str| {
        let mut digests = admin.get(&format!("{ARTIFACTS}?{query}")).column("digest");
        digests.sort();
        digests
    };
    let sorted = |mut digests: Vec<String>| {
        digests.sort();
        digests
    };
    assert_eq!(digests(""), sorted(vec![image.clone(), index.clone()]));
    assert_eq!(digests("q=tags=v1"), [image.as_str()]);
    assert_eq!(digests("q=tags=~ULT"), [index.as_str()]);
    assert_eq!(digests(&format!("q=digest={image}")), [image.as_str()]);
    assert_eq!(admin.delete(&format!("{ARTIFACTS}/v1/tags/v1")).status, 200);
    assert_eq!(
        digests(""),
        [index.as_str()],
        "what only an index names is not shown"
    );
    assert_eq!(
        digests("q=base=*"),
        sorted(vec![image.clone(), index.clone()])
    );
    assert_eq!(digests("q=base=*,tags=nil"), [image.as_str()]);
    let shown = admin
        .get(&format!("{ARTIFACTS}/{image}?with_accessory=true"))
        .json;
    assert_eq!(shown["accessories"][0]["digest"], signature);
    assert_eq!(shown["accessories"][0]["type"], "signature.cosign");
    let of_index = admin.get(&format!("{ARTIFACTS}/multi")).json;
    assert_eq!(of_index["references"][0]["child_digest"], image);
    assert_eq!(
        of_index["references"][0]["platform"]["architecture"],
        "amd64"
    );
    assert!(of_index["size"].as_u64() > shown["size"].as_u64());
    // The index needs it; with the index gone it goes, and its signature with it.
    assert_eq!(admin.delete(&format!("{ARTIFACTS}/{image}")).status, 412);
    assert_eq!(admin.delete(&format!("{ARTIFACTS}/multi")).status, 200);
    assert_eq!(admin.delete(&format!("{ARTIFACTS}/{image}")).status, 200);
    assert_eq!(digests("q=base=*"), [""; 0]);
    let gone = admin.send(
        "GET",
        &format!("/v2/library/a/b/manifests/{signature}"),
        b"",
    );
    assert_eq!(gone.status, 404);
}

#[test]
fn tags_are_added_and_taken_away() {
    let server = TestServer::start();
    let admin = server.admin();
    push_image(&admin, "library/a/b", "v1", "one");
    push_image(&admin, "library/a/b", "v2", "two");
    let tags = format!("{ARTIFACTS}/v1/tags");
    let add = |name: &str| admin.post(&tags, &json!({ "name": name })).status;
    assert_eq!(
        (add("stable"), add("stable"), add("v2"), add("-bad")),
        (201, 409, 409, 400)
    );
    let mut names = admin.get(&tags).column("name");
    names.sort();
    assert_eq!(names, ["stable", "v1"]);
    assert_eq!(
        admin.delete(&format!("{tags}/v2")).status,
        404,
        "a tag of another artifact"
    );
    assert_eq!(admin.delete(&format!("{tags}/stable")).status, 200);
    assert_eq!(admin.get(&tags).column("name"), ["v1"]);
    let log = admin.get("/projects/library/logs?q=resource_type=tag&sort=id");
    assert_eq!(log.column("operation"), ["create", "delete"]);
}

#[test]
fn a_repository_is_described_and_removed_with_everything_in_it() {
    let server = TestServer::start();
    let admin = server.admin();
    let digest = push_image(&admin, "library/a/b", "v1", "one");
    let path = "/projects/library/repositories/a%252Fb";
    assert_eq!(
        admin
            .put(path, &json!({ "description": "What it is" }))
            .status,
        200
    );
    let shown = server.anonymous().get(path).json;
    assert_eq!(
        (&shown["name"], &shown["artifact_count"]),
        (&json!("library/a/b"), &json!(1))
    );
    assert_eq!(shown["description"], "What it is");
    assert_eq!(
        admin.get("/repositories?q=name=~a/b").column("name"),
        ["library/a/b"]
    );
    assert_eq!(admin.delete(path).status, 200);
    assert_eq!(admin.get(path).status, 404);
    assert_eq!(
        admin.get("/projects/library/repositories").column("name"),
        [""; 0]
    );
    assert_eq!(
        admin
            .send("GET", &format!("/v2/library/a/b/manifests/{digest}"), b"")
            .status,
        404
    );
    // Pushed again, it is a new one.
    push_image(&admin, "library/a/b", "v1", "one");
    assert_eq!(admin.get(path).json["description"], "");
}

#[test]
fn an_artifact_is_copied_by_who_may_read_it() {
    let server = TestServer::start();
    server.make_user("emon");
    for project in ["source", "target", "hidden"] {
        server.make_project(project, false);
    }
    let (admin, emon) = (server.admin(), server.client("emon", PASSWORD));
    server.make_member("source", "emon", 3);
    server.make_member("target", "emon", 2);
    let image = push_image(&admin, "source/app", "v1", "one");
    let index = push_index(&admin, "source/app", "multi", &image);
    let signature = push_accessory(&admin, "source/app", &index, "application/vnd.x");
    push_image(&admin, "hidden/app", "v1", "two");
    let copy = |from: &str| {
        emon.send(
            "POST",
            &format!("/api/v2.0/projects/target/repositories/app/artifacts?from={from}"),
            b"",
        )
    };
    let copied = copy("source/app:multi");
    assert_eq!(copied.status, 201, "{copied:?}");
    assert!(
        copied
            .header("location")
            .expect("it is there")
            .ends_with(&index)
    );
    for reference in ["multi", image.as_str(), index.as_str(), signature.as_str()] {
        let path = format!("/v2/target/app/manifests/{reference}");
        assert_eq!(emon.send("GET", &path, b"").status, 200, "{reference}");
    }
    let layer = wharf_oci::Digest::of(b"layer");
    assert_eq!(
        emon.send("GET", &format!("/v2/target/app/blobs/{layer}"), b"")
            .body_text(),
        "layer"
    );
    assert_eq!(copy("source/app:multi").status, 201, "it is there already");
    assert_eq!(copy("hidden/app:v1").status, 404);
    let hidden = copy("hidden/app:v1").message().replace("hidden", "absent");
    assert_eq!(hidden, copy("absent/app:v1").message());
    assert_eq!(copy("source/app:nope").status, 404);
    assert_eq!(copy("source").status, 400);
    // Into a project where he only reads he copies nothing.
    let back = emon.send(
        "POST",
        "/api/v2.0/projects/source/repositories/app/artifacts?from=target/app:multi",
        b"",
    );
    assert_eq!(back.status, 403);
}
