//! The same input gives the same image.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, UNIX_EPOCH};

use testkit::{Sandbox, write};

use crate::fixture::{Project, listed};

const DOCKERFILE: &str = "FROM scratch AS one\nCOPY . /src/\nWORKDIR /w\nCOPY <<x /w/\n1\nx\n\
    FROM scratch\nCOPY --from=one --chown=1:2 /src /out\nLABEL a=b\n";

/// Builds a checkout: files made in one order or the other, under one mask or the other, long ago or now.
fn checkout(
    sandbox: &Sandbox,
    folder: &str,
    reversed: bool,
    mask: u32,
    age: Option<u64>,
) -> String {
    let top = sandbox.work().join(folder);
    let mut files = vec![
        ("Dockerfile".to_owned(), DOCKERFILE.to_owned()),
        ("run.sh".to_owned(), "#!/bin/sh\n".to_owned()),
    ];
    files.extend((0..40).map(|number| (format!("d{}/f{number}", number % 7), format!("{number}"))));
    if reversed {
        files.reverse();
    }
    for (path, content) in &files {
        let path = top.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let folder_mode = 0o777 & !mask;
        std::fs::set_permissions(
            path.parent().unwrap(),
            PermissionsExt::from_mode(folder_mode),
        )
        .unwrap();
        write(&path, content);
        let mode = if path.ends_with("run.sh") {
            0o777
        } else {
            0o666
        };
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode & !mask)).unwrap();
        if let Some(age) = age {
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_secs(age))
                .unwrap();
        }
    }
    let output = sandbox
        .wharf(["build", "-q", "--no-cache", folder])
        .run()
        .success();
    output.text()
}

#[test]
fn two_checkouts_give_one_image() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let first = checkout(&one, "here", false, 0o022, None);
    assert_eq!(
        first,
        checkout(&other, "some/where/else", true, 0o002, Some(1_234_567_890))
    );
    // in the same store from the cache, too
    let cached = one.wharf(["build", "-q", "here"]).run().success();
    assert_eq!(first, cached.text());
}

#[test]
fn times_are_one_instant() {
    let project = Project::new("FROM scratch\nCOPY a /\nWORKDIR /w\n");
    project.file("a", "A");
    let times = |arguments: &[&str]| -> Vec<u64> {
        let all = [&["build", "--output=-"][..], arguments, &["context"]].concat();
        let output = project.sandbox.wharf(all).run().success();
        assert_eq!(listed(&output.stdout).len(), 2);
        let mut archive = tar::Archive::new(&output.stdout[..]);
        let entries = archive.entries().unwrap();
        entries
            .map(|entry| entry.unwrap().header().mtime().unwrap())
            .collect()
    };
    assert_eq!(times(&[]), [0, 0]);
    assert_eq!(
        times(&["--build-arg=SOURCE_DATE_EPOCH=1700000000"]),
        [1_700_000_000; 2]
    );
    project.build(&["-t", "x", "--build-arg=SOURCE_DATE_EPOCH=1700000000"]);
    assert_eq!(project.inspect("x")["Created"], "2023-11-14T22:13:20Z");
    let by_environment = project
        .sandbox
        .wharf(["build", "-q", "-t", "y", "context"])
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .run()
        .success();
    assert_eq!(by_environment.text().trim(), project.inspect("x")["Id"]);

    let file = std::fs::File::options()
        .write(true)
        .open(project.context().join("a"))
        .unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(1_600_000_000))
        .unwrap();
    let preserved = times(&["--timestamps=preserve"]);
    assert_eq!(preserved[0], 1_600_000_000);
    assert!(preserved[1] > 1_600_000_000, "{preserved:?}");
    let output = project
        .run(&["--build-arg=SOURCE_DATE_EPOCH=now"])
        .exits_with(1);
    assert!(
        output
            .error_text()
            .contains("invalid SOURCE_DATE_EPOCH: \"now\"")
    );
}

#[test]
fn a_build_is_verified() {
    let project = Project::new(DOCKERFILE);
    project.file("a", "A");
    project.run(&["--verify"]).success();
}

#[test]
fn modes_of_a_context_can_be_kept() {
    let project = Project::new("FROM scratch\nCOPY a b c d /\n");
    for (name, mode) in [("a", 0o664), ("b", 0o775), ("c", 0o600), ("d", 0o4755)] {
        project.file(name, "").mode(name, mode);
    }
    assert_eq!(
        project.files(&[]),
        ["-0644 0:0 a", "-0755 0:0 b", "-0600 0:0 c", "-4755 0:0 d"]
    );
    assert_eq!(
        project.files(&["--context-modes=preserve"]),
        ["-0664 0:0 a", "-0775 0:0 b", "-0600 0:0 c", "-4755 0:0 d"]
    );
}
