//! Where files and the Dockerfile come from.

use testkit::{TarBuilder, write};

use crate::fixture::{Project, listed};

#[test]
fn stdin_is_a_dockerfile_or_a_context() {
    let project = Project::new("FROM scratch\nCOPY a /from-context\n");
    project.file("a", "A");
    let run = |arguments: &[&str], input: Vec<u8>| {
        let all = [&["build", "--output=-"][..], arguments].concat();
        project.sandbox.wharf(all).input(input).run()
    };
    let output = run(&["-"], b"FROM scratch\nCOPY <<x /\n1\nx\n".to_vec()).success();
    assert_eq!(listed(&output.stdout), ["-0644 0:0 x: 1"]);
    let output = run(&["-"], b"FROM scratch\nCOPY a /\n".to_vec()).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("there is no build context to copy from")
    );
    let output = run(
        &["-f", "-", "context"],
        b"FROM scratch\nCOPY a /b\n".to_vec(),
    )
    .success();
    assert_eq!(listed(&output.stdout), ["-0644 0:0 b: A"]);
    run(&["-f", "-", "-"], Vec::new()).exits_with(1);

    // .dockerignore is read in folders only
    let archive = TarBuilder::new()
        .file("Dockerfile", "FROM scratch\nCOPY d /\n")
        .file("other", "FROM scratch\nCOPY d/e /f\n")
        .file(".dockerignore", "d\n")
        .file("d/e", "E")
        .hard_link("d/h", "d/e")
        .symlink("d/l", "e")
        .finish();
    let output = run(&["-"], archive.clone()).success();
    let expected = ["-0644 0:0 e: E", "-0644 0:0 h: E", "l0777 0:0 l -> e"];
    assert_eq!(listed(&output.stdout), expected);
    let output = run(&["-f", "other", "-"], archive.clone()).success();
    assert_eq!(listed(&output.stdout), ["-0644 0:0 f: E"]);
    let plain = project.sandbox.work().join("context.tar");
    write(&plain, &archive);
    project.sandbox.program("gzip").arg(&plain).run().success();
    let compressed = testkit::read(&project.sandbox.work().join("context.tar.gz"));
    assert_eq!(listed(&run(&["-"], compressed).success().stdout), expected);
}

#[test]
fn the_dockerfile_may_lie_elsewhere() {
    let project = Project::new("FROM scratch\nCOPY a /usual\n");
    project
        .file("a", "A")
        .file("sub/file", "FROM scratch\nCOPY a /sub\n");
    write(
        &project.sandbox.work().join("outside"),
        "FROM scratch\nCOPY a /outside\n",
    );
    for (arguments, expected) in [
        (&["-f", "context/sub/file"][..], "-0644 0:0 sub: A"),
        (&["-f", "outside"], "-0644 0:0 outside: A"),
        (&[], "-0644 0:0 usual: A"),
    ] {
        assert_eq!(project.files(arguments), [expected]);
    }
    std::fs::rename(
        project.context().join("Dockerfile"),
        project.context().join("dockerfile"),
    )
    .unwrap();
    assert_eq!(project.files(&[]), ["-0644 0:0 usual: A"]);
    std::fs::remove_file(project.context().join("dockerfile")).unwrap();
    let output = project.run(&[]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("failed to read dockerfile: open"),
        "{}",
        output.error_text()
    );
}

#[test]
fn ignored_files_are_no_part_of_the_context() {
    let project = Project::new("FROM scratch\nCOPY . /\n");
    project
        .file("a", "A")
        .file("d/b", "B")
        .file("d/keep", "K")
        .file("e/c", "C");
    project.file(
        ".dockerignore",
        "# nothing\nDocker*\n.dockerignore\nd/*\n!d/keep\ne\n",
    );
    assert_eq!(
        project.files(&[]),
        ["-0644 0:0 a: A", "d0755 0:0 d/", "-0644 0:0 d/keep: K"]
    );
    project.file("Dockerfile", "FROM scratch\nCOPY e/c /\n");
    let output = project.run(&[]).exits_with(1);
    let text = output.error_text();
    assert!(
        text.contains(
            "\"/e/c\": not found (line 6 of .dockerignore takes it out of the context: e)"
        ),
        "{text}"
    );
    // a Dockerfile's own patterns count instead
    project.file("Dockerfile.dockerignore", "a\n");
    assert_eq!(project.files(&[]), ["-0644 0:0 c: C"]);
}

#[test]
fn contexts_have_names() {
    let project = Project::new(
        "FROM scratch AS replaced\nCOPY not-there /\nFROM scratch\nCOPY --from=more x /1\nCOPY --from=replaced x /2\nCOPY --from=image /i /3\n",
    );
    let more = project.sandbox.work().join("more");
    std::fs::create_dir(&more).unwrap();
    write(&more.join("x"), "X");
    project.base("other", &TarBuilder::new().file("i", "I").finish());
    let arguments = [
        "--build-context=more=more",
        "--build-context=replaced=more",
        "--build-context=image=docker-image://other",
    ];
    assert_eq!(
        project.files(&arguments),
        ["-0644 0:0 1: X", "-0644 0:0 2: X", "-0644 0:0 3: I"]
    );
    let output = project.run(&["--build-context=x"]).exits_with(1);
    assert!(output.error_text().contains("expected key=value"));
}
