//! What comes from git and from web servers.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use testkit::{Peer, ProgramCommand, TarBuilder, write};

use crate::fixture::{Project, listed};

/// Answers every request with the same bytes, as long as the test runs.
fn web_server(content: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = stream;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap_or_default() > 2 {
                line.clear();
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                content.len()
            );
            let _client_may_be_gone = stream.write_all(&[head.as_bytes(), &content].concat());
        }
    });
    address.to_string()
}

#[test]
fn files_of_web_servers() {
    let archive = TarBuilder::new().file("in", "I").finish();
    let (server, tar) = (web_server(b"content".to_vec()), web_server(archive));
    let project = Project::new("");
    let digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    for (instruction, expected) in [
        (
            format!("ADD http://{server}/some/name?query /x/"),
            "-0600 0:0 x/name: content",
        ),
        (
            format!("ADD http://{server} /x/"),
            "-0600 0:0 x/__unnamed__: content",
        ),
        (
            format!("ADD --chmod=755 --chown=4 http://{server}/n /x"),
            "-0755 4:4 x: content",
        ),
        (
            format!("ADD --checksum={digest} http://{server}/n /x"),
            "-0600 0:0 x: content",
        ),
        (
            format!("ADD http://{tar}/a.tar /x/"),
            "-0600 0:0 x/a.tar: 2048 bytes",
        ),
        (
            format!("ADD --unpack http://{tar}/a.tar /x/"),
            "-0644 0:0 x/in: I",
        ),
    ] {
        project.file("Dockerfile", format!("FROM scratch\n{instruction}\n"));
        assert_eq!(project.plain_files(&[]), [expected], "{instruction}");
    }
    let wrong = digest.replace('9', "8");
    project.file(
        "Dockerfile",
        format!("FROM scratch\nADD --checksum={wrong} http://{server}/n /x\n"),
    );
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("digest mismatch"),
        "{}",
        output.error_text()
    );
    project.file("Dockerfile", "FROM scratch\nADD http://127.0.0.1:1/n /x\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("http://127.0.0.1:1/n"),
        "{}",
        output.error_text()
    );
}

#[test]
fn contexts_of_web_servers() {
    let archive = TarBuilder::new()
        .file("Dockerfile", "FROM scratch\nCOPY a /\n")
        .file("a", "A")
        .finish();
    let (tar, file) = (
        web_server(archive),
        web_server(b"FROM scratch\nCOPY <<x /\n1\nx\n".to_vec()),
    );
    let project = Project::new("");
    for (server, expected) in [(tar, "-0644 0:0 a: A"), (file, "-0644 0:0 x: 1")] {
        let url = format!("http://{server}/context");
        let output = project
            .sandbox
            .wharf(["build", "--output=-", &url])
            .run()
            .success();
        assert_eq!(listed(&output.stdout), [expected]);
    }
}

/// A repository with two commits, a tag and a branch, and how to reach it: by a stand-in for ssh.
fn repository(project: &Project) -> Vec<String> {
    let folder = project.sandbox.work().join("repository.git");
    let git = |arguments: &[&str]| {
        let output = with_git(
            project
                .sandbox
                .program("git")
                .arg("-C")
                .arg(&folder)
                .args(arguments),
        );
        output.run().success().text().trim().to_owned()
    };
    std::fs::create_dir(&folder).unwrap();
    git(&["init", "--quiet", "--initial-branch=main"]);
    write(&folder.join("Dockerfile"), "FROM scratch\nCOPY a /\n");
    write(&folder.join(".dockerignore"), "a\n");
    write(&folder.join("a"), "one");
    git(&["add", "-A"]);
    git(&["commit", "--quiet", "-m", "one"]);
    let first = git(&["rev-parse", "HEAD"]);
    git(&["tag", "v1"]);
    write(&folder.join("a"), "two");
    std::fs::create_dir(folder.join("sub")).unwrap();
    write(&folder.join("sub/Dockerfile"), "FROM scratch\nCOPY s /\n");
    write(&folder.join("sub/s"), "S");
    std::os::unix::fs::symlink("/etc", folder.join("out")).unwrap();
    git(&["add", "-A"]);
    git(&["commit", "--quiet", "-m", "two"]);
    let ssh = project.sandbox.work().join("ssh");
    write(
        &ssh,
        "#!/bin/sh\nfor last; do :; done\nexec sh -c \"$last\"\n",
    );
    std::fs::set_permissions(&ssh, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    vec![format!("git@host:{}", folder.display()), first]
}

fn with_git(command: ProgramCommand) -> ProgramCommand {
    let mut command = command;
    for name in ["AUTHOR", "COMMITTER"] {
        command = command
            .env(format!("GIT_{name}_NAME"), "me")
            .env(format!("GIT_{name}_EMAIL"), "me@example.com");
    }
    command
}

#[test]
fn repositories_are_contexts_and_sources() {
    if Peer::Git.installed().is_none() {
        return;
    }
    let project = Project::new("");
    let [address, first] = repository(&project).try_into().unwrap();
    let ssh = project.sandbox.work().join("ssh").display().to_string();
    let build = |arguments: &[&str]| {
        let all = [&["build", "--output=-"][..], arguments].concat();
        project
            .sandbox
            .wharf(all)
            .env("GIT_SSH_COMMAND", &ssh)
            .run()
    };
    for (suffix, expected) in [
        (String::new(), "-0644 0:0 a: two"),
        ("#v1".to_owned(), "-0644 0:0 a: one"),
        (format!("#{first}"), "-0644 0:0 a: one"),
        ("#main:sub".to_owned(), "-0644 0:0 s: S"),
        ("?branch=main&subdir=sub".to_owned(), "-0644 0:0 s: S"),
    ] {
        let output = build(&[&format!("{address}{suffix}")]).success();
        assert_eq!(listed(&output.stdout), [expected], "{suffix}");
    }
    for (suffix, expected) in [
        ("#missing", "git fetch failed"),
        ("#main:none", "has no folder \"none\""),
        ("#main:out", "has no folder \"out\""),
    ] {
        let output = build(&[&format!("{address}{suffix}")]).exits_with(1);
        assert!(
            output.error_text().contains(expected),
            "{}",
            output.error_text()
        );
    }
    let add = |line: String| {
        project.file("Dockerfile", format!("FROM scratch\n{line}\n"));
        build(&["context"])
    };
    let files = |line: String| listed(&add(line).success().stdout);
    assert_eq!(
        files(format!("ADD {address}#main:sub /x")),
        [
            "d0755 0:0 x/",
            "-0644 0:0 x/Dockerfile: FROM scratch\nCOPY s /",
            "-0644 0:0 x/s: S",
        ]
    );
    let kept = files(format!("ADD --keep-git-dir {address}#v1 /x"));
    assert!(
        kept.iter().any(|line| line.contains("x/.git/HEAD")),
        "{kept:#?}"
    );
    files(format!("ADD --checksum={first} {address}#v1 /x"));
    let output = add(format!("ADD --checksum={first} {address} /x")).exits_with(1);
    assert!(
        output.error_text().contains("expected checksum to match"),
        "{}",
        output.error_text()
    );
    // nothing of the checkouts stays
    let left = std::fs::read_dir(project.sandbox.root().join("scratch")).unwrap();
    assert_eq!(left.count(), 0);
}
