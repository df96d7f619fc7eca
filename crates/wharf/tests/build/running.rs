//! RUN: programs in containers of their own, as root.

use testkit::{Peer, running_as_root, skip};

use crate::fixture::Project;

/// A context whose Dockerfile begins with a busybox; `None`, said aloud, where programs cannot be run.
pub(crate) fn project(rest: &str) -> Option<Project> {
    if !running_as_root() {
        skip("RUN with all namespaces needs root");
        return None;
    }
    let busybox = Peer::Busybox.installed()?;
    let begin = "FROM scratch AS base\nCOPY --chmod=755 busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n";
    let project = Project::new(&format!("{begin}{rest}"));
    project.file("busybox", std::fs::read(busybox).unwrap());
    Some(project)
}

/// Without the programs of the base.
pub(crate) fn changed(files: Vec<String>) -> Vec<String> {
    let mut files = files;
    files.retain(|line| !line.contains("bin/"));
    files
}

#[test]
fn privileged_what_a_program_does_is_in_the_image() {
    let Some(project) = project(
        "RUN mkdir -p /a/b && echo one > /a/b/file && chmod 640 /a/b/file && ln /a/b/file /a/hard && ln -s b /a/soft\n\
         RUN rm /a/hard && echo two >> /a/b/file && chown 7:8 /a/b\n",
    ) else {
        return;
    };
    assert_eq!(
        changed(project.files(&[])),
        [
            "d0755 0:0 a/",
            "d0755 7:8 a/b/",
            "-0640 0:0 a/b/file: one\ntwo",
            "l0777 0:0 a/soft -> b"
        ]
    );
}

#[test]
fn privileged_places_of_mounts_leave_nothing() {
    let Some(project) =
        project("RUN ls /proc/1 /dev/null /etc/hosts /etc/resolv.conf /sys\nRUN true\n")
    else {
        return;
    };
    assert_eq!(changed(project.files(&[])), Vec::<String>::new());
}

#[test]
fn privileged_environment_user_folder_and_shell() {
    let Some(project) = project(
        "RUN mkdir -p /etc && echo 'ann:x:5:6::/home/ann:/bin/sh' > /etc/passwd && touch /etc/group\n\
         ARG GIVEN=default\nENV KEPT=\"a b\"\nWORKDIR /w\nUSER ann\n\
         RUN id -u > /tmp.txt 2>/dev/null || (echo $GIVEN; echo $KEPT; pwd; id -u; id -g; echo $HOME)\n\
         USER 0\nSHELL [\"/bin/sh\", \"-ec\"]\nRUN echo $0 $- | grep e\n",
    ) else {
        return;
    };
    let output = project.run(&["--build-arg", "GIVEN=here"]).success();
    let text = output.error_text();
    for line in ["here", "a b", "/w", "5", "6", "/home/ann"] {
        assert!(
            text.lines()
                .any(|shown| shown.ends_with(&format!(" {line}"))),
            "{line}: {text}"
        );
    }
}

#[test]
fn privileged_heredocs_run() {
    let Some(project) = project(
        "RUN <<EOF\necho plain > /plain\nEOF\n\
         RUN <<EOF\n#!/bin/sh\necho script $0 > /script\nEOF\n\
         RUN cat <<EOF > /given\nvalue\nEOF\n",
    ) else {
        return;
    };
    let files = changed(project.files(&[]));
    let expected = [
        "-0644 0:0 given: value",
        "-0644 0:0 plain: plain",
        "-0644 0:0 script: script /dev/pipes/EOF",
    ];
    assert_eq!(files, expected);
}

#[test]
fn privileged_failures_are_told() {
    let Some(project) = project("RUN echo before; echo problem >&2; exit 3\n") else {
        return;
    };
    let output = project.run(&[]).exits_with(1);
    let text = output.error_text();
    assert!(text.contains("process \"/bin/sh -c echo before; echo problem >&2; exit 3\" did not complete successfully: exit code: 3"), "{text}");
    assert!(text.contains(">>> RUN echo before"), "{text}");
    // The last lines are repeated where everybody looks.
    let (_, last) = text.rsplit_once(" > [3/3]").unwrap();
    assert!(
        last.contains("before\n") && last.contains("problem\n"),
        "{text}"
    );
    assert_eq!(
        project
            .sandbox
            .wharf(["images", "--quiet", "--all"])
            .run()
            .success()
            .text(),
        ""
    );
    let left = std::fs::read_dir(project.sandbox.root().join("builds"))
        .unwrap()
        .count();
    assert_eq!(left, 0, "nothing of the step is left");
}

#[test]
fn privileged_steps_are_isolated() {
    let Some(project) = project(
        "RUN test $(ls /proc | grep -c '^[0-9]') -lt 8\n\
         RUN --network=none test \"$(ls /sys/class/net)\" = lo\n\
         RUN grep -q 'Seccomp:.*2' /proc/self/status && grep -q 'CapEff:.*a80425fb' /proc/self/status\n\
         RUN ! mount -t tmpfs x /tmp 2>/dev/null\n",
    ) else {
        return;
    };
    project.run(&[]).success();
    let refused = Project::new("FROM scratch\nRUN --security=insecure [\"x\"]\n");
    let output = refused.run(&[]).exits_with(1).error_text();
    assert!(
        output.contains("security.insecure is not allowed"),
        "{output}"
    );
}

#[test]
fn privileged_what_was_run_is_not_run_again() {
    let Some(project) = project("RUN cat /proc/sys/kernel/random/uuid > /id\n") else {
        return;
    };
    let first = project.build(&[]);
    assert_eq!(project.build(&[]), first);
    assert!(
        project
            .run(&[])
            .success()
            .error_text()
            .contains("RUN cat /proc/sys/kernel/random/uuid > /id\n#5 CACHED")
    );
    assert_ne!(project.build(&["--no-cache"]), first);
}

#[test]
fn privileged_what_is_not_reproducible_is_named() {
    let Some(project) =
        project("RUN echo same > /same; cat /proc/sys/kernel/random/uuid > /differs\n")
    else {
        return;
    };
    let output = project.run(&["--verify"]).exits_with(1);
    let text = output.error_text();
    assert!(text.contains("the build is not reproducible"), "{text}");
    assert!(
        text.contains("  /differs: content, from byte ") && !text.contains("/same:"),
        "{text}"
    );
}

#[test]
fn privileged_caches_outlive_builds_and_leave_nothing() {
    let Some(project) = project(
        "RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/scratch \\\n\
         \x20   echo $(cat /cache/count 2>/dev/null)x > /cache/new && mv /cache/new /cache/count && cp /cache/count /seen && touch /scratch/y\n",
    ) else {
        return;
    };
    assert_eq!(changed(project.files(&[])), ["-0644 0:0 seen: x"]);
    assert_eq!(
        changed(project.files(&["--no-cache"])),
        ["-0644 0:0 seen: xx"]
    );
}

#[test]
fn privileged_files_are_bound_and_count_for_the_cache() {
    let Some(project) = project(
        "FROM base AS other\nRUN mkdir /made && echo made > /made/file\nFROM base\n\
         RUN --mount=target=/context --mount=type=bind,from=other,source=/made,target=/made,rw \\\n\
         \x20   cat /context/d/input /made/file > /seen && ! touch /context/x 2>/dev/null && echo lost > /made/new\n\
         RUN --mount=source=d/input,target=/one cat /one >> /seen\n",
    ) else {
        return;
    };
    project.file("d/input", "first\n");
    assert_eq!(
        changed(project.files(&[])),
        ["-0644 0:0 seen: first\nmade\nfirst"]
    );
    project.file("d/input", "second\n");
    assert_eq!(
        changed(project.files(&[])),
        ["-0644 0:0 seen: second\nmade\nsecond"]
    );
}
