//! What becomes of the result.

use serde_json::Value;
use testkit::read;

use crate::fixture::{Project, listed};

fn project() -> Project {
    let project = Project::new("FROM scratch\nCOPY --chown=5:6 a d /x/\nCMD [\"/a\"]\n");
    project
        .file("a", "A")
        .file("d/b", "B")
        .mode("a", 0o755)
        .link("d/l", "b");
    project
}

#[test]
fn files_go_to_folders_and_archives() {
    let project = project();
    let expected = [
        "d0755 5:6 x/",
        "-0755 5:6 x/a: A",
        "-0644 5:6 x/b: B",
        "l0777 5:6 x/l -> b",
    ];
    project
        .run(&["--output=type=tar,dest=out.tar", "-o", "out"])
        .success();
    let work = project.sandbox.work();
    assert_eq!(listed(&read(&work.join("out.tar"))), expected);
    assert_eq!(read(&work.join("out/x/b")), b"B");
    assert_eq!(
        std::fs::read_link(work.join("out/x/l")).unwrap().to_str(),
        Some("b")
    );
    // nothing of it is an image
    let images = project.sandbox.wharf(["images", "-q"]).run().success();
    assert_eq!(images.text(), "");
}

#[test]
fn images_go_to_archives_and_get_names() {
    let project = project();
    let id = project.build(&[
        "-t",
        "one",
        "-t",
        "two:v1",
        "--iidfile=id",
        "--metadata-file=meta.json",
    ]);
    let work = project.sandbox.work();
    assert_eq!(String::from_utf8(read(&work.join("id"))).unwrap(), id);
    let metadata: Value = serde_json::from_slice(&read(&work.join("meta.json"))).unwrap();
    assert_eq!(metadata["containerimage.config.digest"], id);
    assert_eq!(
        metadata["containerimage.digest"],
        metadata["containerimage.descriptor"]["digest"]
    );
    assert_eq!(
        metadata["image.name"],
        "docker.io/library/one:latest,docker.io/library/two:v1"
    );
    assert_eq!(project.inspect("two:v1")["Id"], id);
    project
        .run(&["-t", "one", "--output=type=docker,dest=image.tar"])
        .success();
    project
        .sandbox
        .wharf(["rmi", "--force", &id])
        .run()
        .success();
    project
        .sandbox
        .wharf(["load", "-i", "image.tar"])
        .run()
        .success();
    assert_eq!(project.inspect("one")["Id"], id);
    for (arguments, expected) in [
        (&["-t", "A B"][..], "invalid tag \"A B\""),
        (&["--push"], "tag is needed when pushing to registry"),
        (&["--output=type=zip"], "unknown output type \"zip\""),
        (&["--progress=loud"], "invalid progress mode \"loud\""),
    ] {
        let output = project.run(arguments).exits_with(1);
        assert!(
            output.error_text().contains(expected),
            "{}",
            output.error_text()
        );
    }
}

#[test]
fn what_is_built_is_pushed() {
    let Some(registry) = testkit::TestRegistry::start() else {
        return;
    };
    let project = project();
    let name = format!("{}/built:v1", registry.address());
    let id = project.build(&["-t", &name, "--push"]);
    project
        .sandbox
        .wharf(["rmi", "--force", &id])
        .run()
        .success();
    project
        .sandbox
        .wharf(["builder", "prune", "--force", "--all"])
        .run()
        .success();
    // and it is a base, pulled where it is not here
    project.file("Dockerfile", format!("FROM {name}\nCOPY a /y\n"));
    let files = project.plain_files(&[]);
    assert_eq!(files.len(), 4, "{files:?}");
    let output = project.run(&["--pull"]).success();
    assert!(
        output
            .error_text()
            .contains(&format!("[internal] load metadata for {name}"))
    );
}

#[test]
fn progress_is_json_if_wanted() {
    let project = project();
    let output = project
        .sandbox
        .wharf(["build", "--progress=rawjson", "context"])
        .run()
        .success();
    for line in output.error_text().lines() {
        let _event: Value = serde_json::from_str(line).unwrap();
    }
    let output = project
        .sandbox
        .wharf(["build", "--progress=none", "context"])
        .run()
        .success();
    assert_eq!(
        (output.text(), output.error_text()),
        (String::new(), String::new())
    );
}

#[test]
fn the_list_shows_when_it_was_built() {
    let project = project();
    let listed = |name: &str| {
        let words = ["images", "--format={{.CreatedAt}}", name];
        let text = project.sandbox.wharf(words).run().success().text();
        text.trim().to_owned()
    };
    let since = |name: &str| {
        let filter = format!("--filter=since={name}");
        let words = ["images", "--format={{.Repository}}", &filter];
        project.sandbox.wharf(words).run().success().text()
    };
    let now = || {
        jiff::Timestamp::now()
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string()
    };
    let before = now();
    project.build(&["-t", "nothing-below"]);
    // who asks for a time sees that
    project.build(&["-t", "base", "--build-arg=SOURCE_DATE_EPOCH=1000000000"]);
    project.file("Dockerfile", "FROM base\nCOPY Dockerfile /");
    project.build(&["-t", "child"]);
    assert_eq!(listed("base"), "2001-09-09 01:46:40 +0000 UTC");
    for name in ["nothing-below", "child"] {
        let shown = listed(name);
        assert!(before <= shown && shown <= now() + " +0000 UTC", "{shown}");
    }
    let younger = since("base");
    let mut younger: Vec<&str> = younger.lines().collect();
    younger.sort_unstable();
    assert_eq!(younger, ["child", "nothing-below"]);
    // the images themselves say the same everywhere
    let created = |name: &str| project.inspect(name)["Created"].clone();
    assert_eq!(created("nothing-below"), "1970-01-01T00:00:00Z");
    assert_eq!(created("child"), "2001-09-09T01:46:40Z");
}
