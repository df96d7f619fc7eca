//! What cannot be built, and what is said about it.

use crate::fixture::Project;

#[test]
fn mistakes_are_named_with_their_lines() {
    let project = Project::new("");
    project.file("a", "A").file("d/b", "B");
    for (file, line, expected) in [
        (
            "FROM scratch\nCOPY missing /\n",
            2,
            "failed to compute cache key: \"/missing\": not found",
        ),
        (
            "FROM scratch\nCOPY --chmod=9 a /\n",
            2,
            "invalid chmod parameter: '9'",
        ),
        (
            "FROM scratch\nCOPY https://example.com/a /\n",
            2,
            "source can't be a URL for COPY",
        ),
        (
            "FROM scratch\nCOPY git@example.com:a /\n",
            2,
            "source can't be a git ref for COPY",
        ),
        (
            "FROM scratch\nADD --checksum=sha256:00 a /\n",
            2,
            "checksum requires HTTP(S) or Git sources",
        ),
        (
            "FROM scratch\nCOPY a /x\nCOPY d /x\n",
            3,
            "cannot copy to non-directory: /x",
        ),
        (
            "FROM scratch\nCOPY d /\nCOPY a /b/\n",
            3,
            "cannot copy to non-directory: /b",
        ),
        (
            "FROM scratch\nCOPY --exclude=[ a /\n",
            2,
            "syntax error in pattern \"[\"",
        ),
        ("FROM scratch\nSTOPSIGNAL x\n", 2, "invalid signal: x"),
        ("FROM scratch\nEXPOSE x\n", 2, "invalid containerPort: x"),
        ("FROM a:b:c\n", 1, "failed to parse stage name \"a:b:c\""),
        (
            "FROM scratch\nFORM b\n",
            2,
            "unknown instruction: FORM (did you mean FROM?)",
        ),
        (
            "FROM scratch AS a\nCOPY --from=b / /\nFROM scratch AS b\nFROM a\n",
            2,
            "cannot copy from stage \"b\"",
        ),
    ] {
        project.file("Dockerfile", file);
        let output = project.run(&["-t", "x"]).exits_with(1);
        let text = output.error_text();
        assert!(text.contains(expected), "{file}: {text}");
        assert!(
            text.contains(&format!("Dockerfile:{line}\n---")),
            "{file}: {text}"
        );
        assert!(
            text.contains("ERROR: failed to build: failed to solve: "),
            "{file}: {text}"
        );
    }
    // nothing half-built has a name
    project
        .sandbox
        .wharf(["image", "inspect", "x"])
        .run()
        .exits_with(1);
    let output = project.run(&["--target=nobody"]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("target stage \"nobody\" could not be found")
    );
    project.file("Dockerfile", "# check=error=true\nFROM scratch\nCMD a\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("lint violation found for rules: JSONArgsRecommended")
    );
}

#[test]
fn unreadable_files_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new("FROM scratch\nCOPY . /\n");
    project.file("secret", "S").mode("secret", 0);
    if rustix_is_root(&project) {
        return;
    }
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("secret: Permission denied"),
        "{}",
        output.error_text()
    );
    let permissions = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(project.context().join("secret"), permissions).unwrap();
}

/// Root reads everything.
fn rustix_is_root(project: &Project) -> bool {
    let readable = std::fs::read(project.context().join("secret")).is_ok();
    if readable {
        testkit::skip("root reads every file (run the tests as an ordinary user)");
    }
    readable
}
