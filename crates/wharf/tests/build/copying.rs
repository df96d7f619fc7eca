//! COPY, ADD and WORKDIR: which files come to be where, with which owner and mode.

use std::os::unix::net::UnixListener;

use testkit::{Entry, ImageBuilder, TarBuilder, docker_archive, write};

use crate::fixture::Project;

/// `/etc` with users, and links to directories.
fn base() -> Vec<u8> {
    TarBuilder::new()
        .directory("etc/")
        .file(
            "etc/passwd",
            "root:x:0:0::/:/bin/sh\napp:x:7:8::/:/bin/sh\n",
        )
        .file("etc/group", "root:x:0:\nstaff:x:50:\napp:x:60:\n")
        .entry(&Entry::directory("real/").mode(0o711).owner(3, 4))
        .file("real/kept", "base")
        .symlink("linked", "real")
        .symlink("absolute", "/real/../real")
        .symlink("outside", "../../../escaped")
        .directory("folder/")
        .file("folder/file", "base")
        .finish()
}

#[test]
fn files_come_where_they_should() {
    let project = Project::new("");
    project.file("a", "A").file("d/b", "B").file("d/e/c", "C");
    project
        .link("l", "a")
        .link("d/up", "../a")
        .mode("a", 0o640)
        .mode("d/e", 0o700);
    for (instruction, expected) in [
        ("COPY a /", &["-0640 0:0 a: A"][..]),
        ("COPY a /x", &["-0640 0:0 x: A"]),
        ("COPY a /x/", &["d0755 0:0 x/", "-0640 0:0 x/a: A"]),
        (
            "COPY a x/y/",
            &["d0755 0:0 x/", "d0755 0:0 x/y/", "-0640 0:0 x/y/a: A"],
        ),
        // what a link of its own leads to is copied, a link below is copied as it is
        ("COPY l /x", &["-0640 0:0 x: A"]),
        (
            "COPY d /",
            &[
                "-0644 0:0 b: B",
                "d0700 0:0 e/",
                "-0644 0:0 e/c: C",
                "l0777 0:0 up -> ../a",
            ],
        ),
        (
            "COPY d/* /",
            &["-0644 0:0 b: B", "-0644 0:0 c: C", "-0640 0:0 up: A"],
        ),
        ("COPY d/[a-b] /", &["-0644 0:0 b: B"]),
        ("COPY */e/? /", &["-0644 0:0 c: C"]),
        ("COPY nothing* /", &[]),
        (
            "COPY a d/b /x/",
            &["d0755 0:0 x/", "-0640 0:0 x/a: A", "-0644 0:0 x/b: B"],
        ),
        ("COPY [\"a\", \"/x y\"]", &["-0640 0:0 x y: A"]),
        ("COPY ../../a /x", &["-0640 0:0 x: A"]),
        ("COPY --chown=5 a /", &["-0640 5:5 a: A"]),
        (
            "COPY --chown=5:6 a /x/",
            &["d0755 5:6 x/", "-0640 5:6 x/a: A"],
        ),
        (
            "COPY --chmod=4711 a /x/",
            &["d0711 0:0 x/", "-4711 0:0 x/a: A"],
        ),
        (
            "COPY --chmod=go=,u+x a /x/",
            &["d0755 0:0 x/", "-0700 0:0 x/a: A"],
        ),
        ("COPY --exclude=e --exclude=up d /", &["-0644 0:0 b: B"]),
        (
            "COPY --exclude=* --exclude=!e/c d /",
            &["d0700 0:0 e/", "-0644 0:0 e/c: C"],
        ),
        (
            "COPY --parents d/e/c /",
            &["d0755 0:0 d/", "d0700 0:0 d/e/", "-0644 0:0 d/e/c: C"],
        ),
        (
            "COPY --parents ./d/./e/c /x/",
            &["d0755 0:0 x/", "d0700 0:0 x/e/", "-0644 0:0 x/e/c: C"],
        ),
        (
            "COPY --parents d/**/c /",
            &["d0755 0:0 d/", "d0700 0:0 d/e/", "-0644 0:0 d/e/c: C"],
        ),
        ("COPY <<x /y\n  one\n\nx", &["-0644 0:0 y:   one"]),
        (
            "COPY <<x <<y /\nX\nx\nY\ny",
            &["-0644 0:0 x: X", "-0644 0:0 y: Y"],
        ),
        (
            "ARG v=1\nCOPY <<x <<\"y\" /\n$v\nx\n$v\ny",
            &["-0644 0:0 x: 1", "-0644 0:0 y: $v"],
        ),
        (
            "WORKDIR /w\nWORKDIR v/../u\nCOPY a .",
            &["d0755 0:0 w/", "d0755 0:0 w/u/", "-0640 0:0 w/u/a: A"],
        ),
        ("USER 9\nWORKDIR /w/v", &["d0755 9:9 w/", "d0755 9:9 w/v/"]),
        (
            "COPY d/e /n\nCOPY d /n",
            &[
                "d0755 0:0 n/",
                "-0644 0:0 n/b: B",
                "-0644 0:0 n/c: C",
                "d0700 0:0 n/e/",
                "-0644 0:0 n/e/c: C",
                "l0777 0:0 n/up -> ../a",
            ],
        ),
        ("COPY a /d\nCOPY d/b /d", &["-0644 0:0 d: B"]),
    ] {
        project.file("Dockerfile", format!("FROM scratch\n{instruction}\n"));
        assert_eq!(project.files(&[]), expected, "{instruction}");
        // and once more from the cache
        assert_eq!(project.files(&[]), expected, "{instruction}");
    }
}

#[test]
fn links_of_the_stage_are_followed_within_it() {
    let project = Project::new("");
    project
        .file("a", "A")
        .file("d/file", "D")
        .file("n/linked/x", "X");
    project.base("base", &base());
    for (instruction, changed) in [
        ("COPY a /linked/", "-0644 0:0 real/a: A"),
        ("COPY a /absolute/b", "-0644 0:0 real/b: A"),
        ("COPY a /outside/b", "-0644 0:0 escaped/b: A"),
        ("COPY d /folder", "-0644 0:0 folder/file: D"),
        ("COPY --chown=app a /x", "-0644 7:8 x: A"),
        ("COPY --chown=app:staff a /x", "-0644 7:50 x: A"),
        ("COPY --chown=:staff a /x", "-0644 0:50 x: A"),
        ("COPY --chown=9:app a /x", "-0644 9:60 x: A"),
        ("COPY --chown=nobody a /x", "-0644 0:0 x: A"),
        ("COPY --link a /linked/", "-0644 0:0 linked/a: A"),
    ] {
        project.file("Dockerfile", format!("FROM base\n{instruction}\n"));
        let files = project.files(&[]);
        assert!(
            files.contains(&changed.to_owned()),
            "{instruction}: {files:#?}"
        );
    }
    // directories on the way stay what they are in the base
    project.file("Dockerfile", "FROM base\nCOPY a /linked/\n");
    assert!(project.files(&[]).contains(&"d0711 3:4 real/".to_owned()));
    // a directory is not put where a link is
    project.file("Dockerfile", "FROM base\nCOPY n /\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("cannot copy to non-directory: /linked"),
        "{}",
        output.error_text()
    );
    project.file("Dockerfile", "FROM base\nCOPY a /folder/file/\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("cannot copy to non-directory: /folder/file")
    );
}

#[test]
fn stages_give_their_files() {
    let project = Project::new(
        "FROM scratch AS one\nCOPY --chown=5:6 a /x/\nCOPY b /x/gone\n\
         FROM one AS two\nCOPY b /x/a\n\
         FROM scratch\nCOPY --from=one /x /one\nCOPY --from=1 /x/a /two\nCOPY --from=base /folder/* /\n",
    );
    project.file("a", "A").file("b", "B").base("base", &base());
    assert_eq!(
        project.plain_files(&[]),
        [
            "-0644 0:0 file: base",
            "-0644 5:6 one/a: A",
            "-0644 0:0 one/gone: B",
            "-0644 0:0 two: B",
        ]
    );
    assert_eq!(
        project.plain_files(&["--target=two"]),
        ["-0644 0:0 x/a: B", "-0644 0:0 x/gone: B"]
    );
}

#[test]
fn archives_are_unpacked_by_add() {
    let archive = TarBuilder::new()
        .entry(&Entry::directory("./").mode(0o700).owner(77, 77))
        .entry(&Entry::file("linked/new", "N").owner(5, 6).mode(0o600))
        .entry(&Entry::file("folder", "now a file").owner(1, 1))
        .entry(&Entry::directory("real/").mode(0o750).owner(9, 9))
        .file("first", "F")
        .hard_link("second", "first")
        .symlink("../../climb", "../../etc/passwd")
        .file("climb/../../../x", "inside")
        .finish();
    let project = Project::new("FROM base\nADD a.bin /\n");
    project.file("a.bin", &archive).base("base", &base());
    let files = project.files(&[]);
    for expected in [
        "-0600 5:6 real/new: N",
        "-0644 1:1 folder: now a file",
        "d0750 9:9 real/",
        "-0644 0:0 first: F",
        "h0644 0:0 second -> first",
        "l0777 0:0 climb -> ../../etc/passwd",
        "-0644 0:0 x: inside",
        "-0644 0:0 real/kept: base",
    ] {
        assert!(
            files.contains(&expected.to_owned()),
            "{expected}: {files:#?}"
        );
    }
    assert!(
        !files.iter().any(|line| line.contains("folder/file")),
        "{files:#?}"
    );
    for (instruction, expected) in [
        (
            "ADD --chown=3:4 --unpack a.bin /x",
            "-0600 3:4 x/linked/new: N",
        ),
        ("COPY a.bin /a", "-0644 0:0 a"),
        ("ADD --unpack=false a.bin /a", "-0644 0:0 a"),
        ("ADD Dockerfile /a", "-0644 0:0 a: FROM scratch"),
    ] {
        project.file("Dockerfile", format!("FROM scratch\n{instruction}\n"));
        let files = project.plain_files(&[]);
        assert!(
            files.iter().any(|line| line.starts_with(expected)),
            "{instruction}: {files:#?}"
        );
    }
}

#[test]
fn odd_files_of_a_context() {
    let project = Project::new("FROM scratch\nCOPY . /\n");
    project
        .file("a", "A")
        .file("empty/.keep", "")
        .link("loop", "loop")
        .link("out", "/etc/passwd");
    project.file("Dockerfile.dockerignore", "Dockerfile*\nempty/.keep\n");
    std::fs::hard_link(project.context().join("a"), project.context().join("same")).unwrap();
    let _socket = UnixListener::bind(project.context().join("socket")).unwrap();
    assert_eq!(
        project.files(&[]),
        [
            "-0644 0:0 a: A",
            "d0755 0:0 empty/",
            "l0777 0:0 loop -> loop",
            "l0777 0:0 out -> /etc/passwd",
            "h0644 0:0 same -> a",
        ]
    );
    project.file("Dockerfile", "FROM scratch\nCOPY out /\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("\"/out\": not found"),
        "{}",
        output.error_text()
    );
    project.file("Dockerfile", "FROM scratch\nCOPY loop /\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("too many symbolic links"),
        "{}",
        output.error_text()
    );
    project
        .file(".wh.a", "")
        .file("Dockerfile", "FROM scratch\nCOPY .wh.a /\n");
    let output = project.run(&[]).exits_with(1);
    assert!(
        output
            .error_text()
            .contains("mean removed files in a layer")
    );
}

#[test]
fn what_upper_layers_remove_is_gone() {
    let lower = TarBuilder::new()
        .file("gone", "lower")
        .file("d/gone", "lower")
        .file("d/kept", "lower")
        .file("opaque/gone", "lower")
        .file("replaced/in", "lower")
        .file("was-file", "lower");
    let upper = TarBuilder::new()
        .whiteout("gone")
        .whiteout("d/gone")
        .opaque("opaque")
        .file("opaque/new", "upper")
        .file("replaced", "upper")
        .file("was-file/in", "upper");
    let top = TarBuilder::new().file("gone", "again");
    let base = ImageBuilder::new()
        .layer(lower.finish(), "lower")
        .layer(upper.finish(), "upper")
        .layer(top.finish(), "top")
        .build();
    let project = Project::new("FROM scratch\nCOPY --from=base / /\n");
    let archive = project.sandbox.work().join("base.tar");
    write(&archive, docker_archive(&[(&base, &["base:latest"])]));
    let archive = archive.display().to_string();
    project
        .sandbox
        .wharf(["load", "-i", archive.as_str()])
        .run()
        .success();
    let expected = [
        "-0644 0:0 d/kept: lower",
        "-0644 0:0 gone: again",
        "-0644 0:0 opaque/new: upper",
        "-0644 0:0 replaced: upper",
        "-0644 0:0 was-file/in: upper",
    ];
    assert_eq!(project.plain_files(&[]), expected);
    project.file("Dockerfile", "FROM base\nWORKDIR /opaque\n");
    assert_eq!(project.plain_files(&[]), expected);
    project.file(
        "Dockerfile",
        "FROM scratch\nCOPY --from=base /opaque/gone /\n",
    );
    let output = project.run(&[]).exits_with(1);
    assert!(
        output.error_text().contains("\"/opaque/gone\": not found"),
        "{}",
        output.error_text()
    );
}

/// What a shell prints.
fn shell(script: &str) -> String {
    let output = std::process::Command::new("sh")
        .args(["-c", script])
        .output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// Five gigabytes of holes with a few bytes behind them: more than 32 bits count, and more than a machine has memory to spare.
#[test]
#[ignore = "reads 5 GB four times, which takes a minute or two"]
fn a_huge_file_is_copied_to_its_end() {
    use std::os::unix::fs::FileExt as _;

    const SIZE: u64 = 5 << 30;
    let project = Project::new("FROM scratch\nCOPY huge /\n");
    let path = project.context().join("huge");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(SIZE).unwrap();
    file.write_all_at(b"the end", SIZE - 7).unwrap();
    let mut child = std::process::Command::new(project.sandbox.wharf_binary())
        .args(["build", "--quiet", "--tag=huge", "context"])
        .current_dir(project.sandbox.work())
        .env_clear()
        .envs(project.sandbox.environment())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    let descriptor =
        rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    // The most that it had so far, asked for until it ends: what is seen last holds for nearly all of its life.
    let mut peak_kilobytes = 0;
    let interval = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id()));
        let text = text.unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().split(' ').next()?.parse::<u64>().ok());
        peak_kilobytes = peak_kilobytes.max(peak.unwrap_or(0));
        let flags = rustix::event::PollFlags::IN;
        let mut ended = [rustix::event::PollFd::new(&descriptor, flags)];
        if rustix::event::poll(&mut ended, Some(&interval)).unwrap() > 0 {
            break;
        }
    }
    let status = child.wait().unwrap();
    assert!(status.success());
    assert!(
        (1..150 << 10).contains(&peak_kilobytes),
        "{peak_kilobytes} kB"
    );
    // What its layer holds, as other programs see it, is the file.
    let layers = project.inspect("huge")["RootFS"]["Layers"].clone();
    let blobs = project.sandbox.root().join("blobs/sha256");
    let blob = std::fs::read_dir(blobs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let blob = blob.display();
    let diff_id = shell(&format!("gzip -dc {blob} | sha256sum"));
    let diff_id = diff_id.split(' ').next().unwrap();
    assert_eq!(layers, serde_json::json!([format!("sha256:{diff_id}")]));
    let held = shell(&format!("gzip -dc {blob} | tar -xOf - huge | sha256sum"));
    let given = shell(&format!("sha256sum < {}", path.display()));
    assert_eq!(held, given);
}
