//! Stages side by side, and builds that are given up: nothing of them stays.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Project;
use crate::running::{changed, project};

/// Makes its file in a cache of both, and waits for the other's.
fn meets(own: &str, other: &str) -> String {
    format!(
        "RUN --mount=type=cache,id=meeting,target=/m touch /m/{own}; while [ ! -e /m/{other} ]; do sleep 0.01; done"
    )
}

#[test]
fn privileged_stages_run_at_the_same_time_and_only_those_that_are_needed() {
    let (one, two) = (meets("one", "two"), meets("two", "one"));
    let Some(project) = project(&format!(
        "FROM base AS left\n{one}\nFROM base AS unwanted\nRUN exit 5\nFROM base AS right\n{two}\n\
         RUN echo right > /file\nFROM left\nCOPY --from=right /file /\n"
    )) else {
        return;
    };
    let text = project.run(&["--tag=made"]).success().error_text();
    assert!(!text.contains("unwanted"), "{text}");
    // Whatever came first, numbers are those of the Dockerfile.
    for line in [
        "#3 [base 1/2] COPY",
        "#5 [left 1/1] RUN",
        "#6 [right 1/2] RUN",
        "#8 [stage-4 1/1] COPY",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert_eq!(changed(project.files(&[])), ["-0644 0:0 file: right"]);
}

#[test]
fn privileged_the_same_step_of_two_stages_is_done_once() {
    let random = "RUN cat /proc/sys/kernel/random/uuid > /id";
    let Some(project) = project(&format!(
        "FROM base AS left\n{random}\nFROM base AS right\n{random}\n\
         FROM base\nCOPY --from=left /id /left\nCOPY --from=right /id /right\nRUN cmp /left /right\n"
    )) else {
        return;
    };
    project.run(&[]).success();
}

#[test]
fn privileged_one_core_makes_the_same_as_all() {
    let numbers = [0, 1, 2, 3, 4];
    let stages = numbers.map(|number| {
        format!("FROM base AS s{number}\nCOPY a /a{number}\nRUN echo {number} > /b{number}\n")
    });
    let copies = numbers.map(|number| format!("COPY --from=s{number} /a{number} /b{number} /\n"));
    let (stages, copies) = (stages.concat(), copies.concat());
    let Some(project) = project(&format!("{stages}FROM base\n{copies}")) else {
        return;
    };
    project.file("a", "A");
    let all = project.build(&["--no-cache"]);
    let words = ["--cpu-list", "0"];
    let one = project
        .sandbox
        .program("taskset")
        .args(words)
        .arg(project.sandbox.wharf_binary())
        .args(["build", "--quiet", "--no-cache", "context"])
        .run()
        .success();
    assert_eq!(one.text().trim(), all);
}

#[test]
fn privileged_a_stage_that_fails_ends_the_others() {
    let (one, two) = (meets("one", "two"), meets("two", "one"));
    let Some(project) = project(&format!(
        "FROM base AS left\n{one}; exit 7\nFROM base AS right\n{two}; sleep 10000\nFROM left\nCOPY --from=right /m /m\n"
    )) else {
        return;
    };
    let text = project.run(&[]).exits_with(1).error_text();
    assert!(
        text.contains("did not complete successfully: exit code: 7"),
        "{text}"
    );
    assert!(text.contains("\n#6 CANCELED"), "{text}");
    nothing_is_left(&project);
}

/// No folder of a step, and nothing that is being written.
fn nothing_is_left(project: &Project) {
    let builds = project.sandbox.root().join("builds");
    if let Ok(left) = std::fs::read_dir(builds) {
        assert_eq!(left.count(), 0, "folders of steps");
    }
    let images = project.sandbox.wharf(["images", "--quiet", "--all"]);
    assert_eq!(images.run().success().text(), "");
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = project.sandbox.root().display().to_string();
    assert!(!table.contains(&root), "{table}");
}

/// Starts a build, and interrupts it when it says `line`.
pub(crate) fn interrupted(project: &Project, line: &str, signal: Signal) -> (Child, String) {
    at_line(project, line, |pid| kill_process(pid, signal).unwrap())
}

/// Starts a build, and does something when it says `line`.
fn at_line(project: &Project, line: &str, action: impl FnOnce(Pid)) -> (Child, String) {
    let mut child = std::process::Command::new(project.sandbox.wharf_binary())
        .args(["build", "--progress=plain", "--tag=made", "context"])
        .current_dir(project.sandbox.work())
        .env_clear()
        .envs(project.sandbox.environment())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut action = Some(action);
    while lines.read_line(&mut text).unwrap() > 0 {
        if text.contains(line)
            && let Some(action) = action.take()
        {
            action(Pid::from_raw(child.id().cast_signed()).unwrap());
        }
    }
    assert!(action.is_none(), "{text}");
    (child, text)
}

#[test]
fn privileged_an_interrupted_build_leaves_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let marker = format!("98765.{code}{}", std::process::id());
        let Some(project) = project(&format!(
            "RUN trap '' INT TERM; echo be''gun; sleep {marker} & sleep {marker}\n"
        )) else {
            return;
        };
        let (mut child, text) = interrupted(&project, " begun", signal);
        assert_eq!(child.wait().unwrap().code(), Some(code), "{text}");
        assert!(text.contains("CANCELED"), "{text}");
        assert!(
            text.ends_with("ERROR: failed to build: failed to solve: Canceled: context canceled\n"),
            "{text}"
        );
        nothing_is_left(&project);
        for process in std::fs::read_dir("/proc").unwrap() {
            let line = process.unwrap().path().join("cmdline");
            let line = std::fs::read(line).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            assert!(!line.contains(&marker), "{line} still runs");
        }
        // And the next one builds.
        project.file("Dockerfile", "FROM scratch\nCOPY busybox /\n");
        project.build(&[]);
    }
}

/// Takes connections and never answers.
fn silent_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let taken: Vec<_> = listener.incoming().map_while(Result::ok).collect();
        drop(taken);
    });
    address.to_string()
}

#[test]
fn a_build_is_interrupted_whatever_it_waits_for() {
    let server = silent_server();
    for (dockerfile, line) in [
        (format!("FROM {server}/base\n"), "load metadata for"),
        (
            format!("FROM scratch\nADD http://{server}/file /x\n"),
            "ADD http://",
        ),
        ("FROM scratch\nCOPY huge /\n".to_owned(), "COPY huge"),
    ] {
        let project = Project::new(&dockerfile);
        let huge = std::fs::File::create(project.context().join("huge")).unwrap();
        huge.set_len(5 << 30).unwrap();
        let (mut child, text) = interrupted(&project, line, Signal::INT);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{text}");
        assert!(text.contains("context canceled"), "{text}");
        nothing_is_left(&project);
        let blobs = project
            .sandbox
            .wharf(["system", "df", "--format={{.Size}}"]);
        let sizes = blobs.run().success().text();
        assert!(sizes.lines().all(|size| size == "0B"), "{sizes}");
    }
}

#[test]
fn privileged_a_build_that_is_killed_takes_its_steps_with_it() {
    let Some(project) = project("RUN echo be''gun; sleep 10000\n") else {
        return;
    };
    let (mut child, text) = interrupted(&project, " begun", Signal::KILL);
    assert_eq!(child.wait().unwrap().code(), None, "{text}");
    // The step's folder goes with the next build: whoever died cannot clean up.
    let rest = "FROM scratch AS base\nCOPY --chmod=755 busybox /bin/busybox\n\
                RUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nRUN true\n";
    project.file("Dockerfile", rest);
    project.build(&["--no-cache"]);
    let builds = std::fs::read_dir(project.sandbox.root().join("builds"));
    assert_eq!(builds.unwrap().count(), 0);
}

/// The process that starts the steps of a build.
fn starter_of(build: Pid) -> Pid {
    let is_starter = |folder: &std::path::Path| {
        let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
        let words = std::fs::read(folder.join("cmdline")).unwrap_or_default();
        let parent = format!("PPid:\t{}\n", build.as_raw_nonzero());
        status.contains(&parent) && words.ends_with(b"container-step\0")
    };
    let mut all = std::fs::read_dir("/proc").unwrap();
    let found = all.find_map(|process| {
        let folder = process.unwrap().path();
        let number = folder.file_name()?.to_str()?.parse().ok()?;
        is_starter(&folder).then(|| Pid::from_raw(number))?
    });
    found.unwrap()
}

#[test]
fn privileged_steps_go_on_when_who_starts_them_is_killed() {
    let waits =
        "RUN --mount=type=cache,target=/m echo be''gun; until [ -e /m/go ]; do sleep 0.01; done";
    let Some(project) = project(&format!("{waits}\nRUN echo second > /second\n")) else {
        return;
    };
    let caches = project.sandbox.root().join("cache-mounts");
    let (mut child, text) = at_line(&project, " begun", |build| {
        let starter = starter_of(build);
        kill_process(starter, Signal::KILL).unwrap();
        // The step itself is another process, and is told now that it may end.
        for cache in std::fs::read_dir(&caches).unwrap() {
            let cache = cache.unwrap().path();
            if cache.is_dir() {
                std::fs::File::create(cache.join("go")).unwrap();
            }
        }
    });
    assert!(child.wait().unwrap().success(), "{text}");
    let second = ["history", "--format={{.CreatedBy}}", "made"];
    let history = project.sandbox.wharf(second).run().success().text();
    assert!(history.contains("echo second"), "{history}");
}

/// Calls that change something, or tell somebody something.
const CALLS: &str = "openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,pwrite64,write,fsync,syncfs,flock,clone3,connect,sendto,sendmsg,recvmsg,execve,mount,move_mount,fsmount,unshare,pivot_root";

/// strace lets every process of a build die at its call of some number: what is left is whole, and the next build makes the same.
#[test]
#[ignore = "kills fifty builds, which takes half a minute or more"]
fn privileged_killed_between_any_two_steps() {
    let Some(project) = project(
        "RUN mkdir /a && echo one > /a/b\nCOPY Dockerfile /\nRUN rm /a/b && echo two > /c\n",
    ) else {
        return;
    };
    if testkit::Peer::Strace.installed().is_none() {
        return;
    }
    let whole = project.build(&["--tag=whole", "--network=none"]);
    let mut died = 0;
    // Single calls where much begins, and ever further apart behind that.
    let calls = (1..20).step_by(3).chain((20..600).step_by(23));
    for call in calls {
        let killed = project
            .sandbox
            .program("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-e"])
            .arg(format!("trace={CALLS}"))
            .arg("-e")
            .arg(format!("inject={CALLS}:signal=SIGKILL:when={call}"))
            .arg(project.sandbox.wharf_binary())
            .args([
                "build",
                "--quiet",
                "--no-cache",
                "--network=none",
                "context",
            ])
            .run();
        died += usize::from(killed.code != 0);
        let check = project.sandbox.wharf(["system", "check"]).run();
        check.success();
        assert_eq!(
            project.build(&["--no-cache", "--network=none"]),
            whole,
            "{call}"
        );
        nothing_of_steps_is_left(&project);
    }
    assert!(died > 20, "only {died} builds died");
}

/// No folder, and no mount.
fn nothing_of_steps_is_left(project: &Project) {
    let builds = std::fs::read_dir(project.sandbox.root().join("builds")).unwrap();
    assert_eq!(builds.count(), 0, "folders of steps");
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let root = project.sandbox.root().display().to_string();
    assert!(!table.contains(&root), "{table}");
}
