//! `wharf build --check`: where the Dockerfile comes from, what is printed, and the exit codes. The rules themselves are
//! tested in `wharf-build`.

use testkit::{Sandbox, write};

const GOOD: &str = "FROM scratch\nCOPY a /\n";
const WARNS: &str = "FROM alpine\nCMD a\n";
const WARNING: &str = "Check complete, 1 warning has been found!\n\n\
    WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/\n\
    JSON arguments recommended for CMD to prevent unintended behavior related to OS signals\n";
const PLACE: &str = ":2\n--------------------\n   1 |     FROM alpine\n   2 | >>> CMD a\n   3 |     \n--------------------\n";

#[test]
fn a_good_file_is_good() {
    let sandbox = Sandbox::new();
    for command in [
        sandbox.wharf(["build", "--check", "-"]).input(GOOD),
        sandbox
            .wharf(["build", "--check", "-f", "-", "."])
            .input(GOOD),
    ] {
        let output = command.run().success();
        assert_eq!(output.text(), "Check complete, no warnings found.\n");
    }
}

#[test]
fn warnings_are_shown_with_their_place() {
    let sandbox = Sandbox::new();
    let folder = sandbox.work().join("app");
    std::fs::create_dir_all(&folder).unwrap();
    write(&folder.join("Dockerfile"), WARNS);
    write(&folder.join("other"), WARNS);
    for (arguments, name) in [
        (vec!["build", "--check", "app"], "Dockerfile"),
        (
            vec!["build", "--check", "-f", "app/other", "app"],
            "app/other",
        ),
        (vec!["build", "--check", "--file=app/other"], "app/other"),
    ] {
        let output = sandbox
            .wharf(arguments)
            .folder(&sandbox.work())
            .run()
            .exits_with(1);
        assert_eq!(output.text(), format!("{WARNING}{name}{PLACE}"));
        assert_eq!(output.error_text(), "");
    }
}

#[test]
fn errors_go_to_stderr_with_their_place() {
    let sandbox = Sandbox::new();
    let output = sandbox
        .wharf(["build", "--check", "-"])
        .input("FORM a\n")
        .run()
        .exits_with(1);
    assert_eq!(output.text(), "");
    assert_eq!(
        output.error_text(),
        "ERROR: dockerfile parse error on line 1: unknown instruction: FORM (did you mean FROM?)\n\
         Dockerfile:1\n--------------------\n   1 | >>> FORM a\n   2 |     \n--------------------\n"
    );
}

#[test]
fn arguments_and_targets_count() {
    let sandbox = Sandbox::new();
    let file = "ARG BASE=alpine\nFROM $BASE AS one\nCMD [\"a\"]\nFROM scratch AS two\nCMD b\n";
    let check = |arguments: &[&str]| {
        let all = [&["build", "--check"][..], arguments, &["-"]].concat();
        sandbox.wharf(all).input(file).env("BASE", "").run()
    };
    check(&["--target", "one"]).success();
    check(&["--target", "two"]).exits_with(1);
    let blank = "base name ($BASE) should not be blank";
    for arguments in [["--build-arg", "BASE="], ["--build-arg", "BASE"]] {
        let output = check(&arguments).exits_with(1);
        assert!(
            output.error_text().contains(blank),
            "{}",
            output.error_text()
        );
    }
    let output = check(&["--target", "too"]).exits_with(1);
    assert_eq!(
        output.error_text(),
        "ERROR: target stage \"too\" could not be found (did you mean two?)\n"
    );
}

#[test]
fn what_cannot_be_done_is_said() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (
            vec!["build", "."],
            "failed to read dockerfile: open ./Dockerfile: no such file or directory",
        ),
        (vec!["build"], "requires 1 argument"),
        (
            vec!["build", "--check", "."],
            "failed to read dockerfile: open ./Dockerfile: no such file or directory",
        ),
        (
            vec!["build", "--check", "-f", "-", "-"],
            "can't use stdin for both build context and dockerfile",
        ),
        (vec!["build", "--check", "-"], "file with no instructions"),
    ] {
        let output = sandbox
            .wharf(arguments.clone())
            .folder(&sandbox.work())
            .input("")
            .run()
            .exits_with(1);
        let text = output.error_text();
        assert!(text.contains(expected), "{arguments:?}: {text}");
    }
    let mut archive = vec![0; 512];
    archive.splice(257..262, *b"ustar");
    let output = sandbox
        .wharf(["build", "--check", "-"])
        .input(archive)
        .run()
        .exits_with(1);
    assert!(
        output
            .error_text()
            .contains("a context on stdin cannot be checked yet")
    );
}

#[test]
fn ignored_sources_are_told() {
    let sandbox = Sandbox::new();
    let folder = sandbox.work();
    write(&folder.join("Dockerfile"), "FROM scratch\nCOPY a b /\n");
    write(&folder.join(".dockerignore"), "a\n");
    let check = || {
        sandbox
            .wharf(["build", "--check", "."])
            .folder(&folder)
            .run()
            .exits_with(1)
    };
    let told =
        |name: &str| format!("Attempting to Copy file {name:?} that is excluded by .dockerignore");
    let output = check();
    assert!(output.text().contains(&told("a")) && !output.text().contains(&told("b")));
    // the Dockerfile's own one is read in its place
    write(&folder.join("Dockerfile.dockerignore"), "b\n");
    let output = check();
    assert!(output.text().contains(&told("b")) && !output.text().contains(&told("a")));
    write(&folder.join("Dockerfile.dockerignore"), "[\n");
    assert!(
        check()
            .error_text()
            .contains("syntax error in pattern \"[\"")
    );
}
