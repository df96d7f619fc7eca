//! From `create` to `rm`.

use crate::fixture::Containers;

#[test]
fn privileged_a_program_runs_and_its_exit_code_is_ours() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    assert_eq!(containers.shell(&[], "echo hello"), "hello");
    for code in [0, 1, 7, 255] {
        let script = format!("exit {code}");
        let words = [
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            &script,
        ];
        containers.wharf(words).run().exits_with(code);
    }
    let words = [
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "kill -9 $$",
    ];
    // The first process of a container cannot be killed from inside; with --init it is not the first one.
    let with_init = [
        "run",
        "--rm",
        "--init",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "kill -9 $$",
    ];
    containers.wharf(words).run().exits_with(0);
    containers.wharf(with_init).run().exits_with(137);
    assert_eq!(containers.prints(["ps", "--all", "--quiet"]), "");
    let folder = containers.sandbox.root().join("containers");
    assert_eq!(
        std::fs::read_dir(folder).unwrap().count(),
        0,
        "--rm leaves nothing"
    );
}

#[test]
fn privileged_input_goes_in_and_both_outputs_come_out() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "cat; echo problem >&2";
    let words = [
        "run",
        "--rm",
        "-i",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    let output = containers.wharf(words).input("typed\n").run().success();
    assert_eq!(
        (output.text(), output.error_text()),
        ("typed\n".to_owned(), "problem\n".to_owned())
    );
    // More than any pipe holds, both ways.
    let big = "0123456789abcde\n".repeat(200_000);
    let words = ["run", "--rm", "-i", "--network", "none", "busybox", "cat"];
    let output = containers.wharf(words).input(big.clone()).run().success();
    assert!(
        output.text() == big,
        "{} bytes came back",
        output.text().len()
    );
}

#[test]
fn privileged_a_container_lives_stops_and_starts_again() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "trap 'echo bye; exit 3' TERM; echo started; echo $1 >> /kept; while :; do sleep 0.05; done";
    let id = containers.prints([
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    assert_eq!(id.len(), 64);
    let format = "{{.Names}} {{.State}}";
    assert_eq!(containers.prints(["ps", "--format", format]), "one running");
    wait_for_log(&containers, "one", "started");
    assert_eq!(containers.prints(["stop", "one"]), "one");
    let status = containers.prints(["ps", "-a", "--format", "{{.Status}}"]);
    assert!(status.starts_with("Exited (3) "), "{status}");
    assert_eq!(containers.prints(["logs", "one"]), "started\nbye");
    assert_eq!(containers.prints(["wait", "one"]), "3");
    // What it wrote is there when it runs again.
    assert_eq!(
        containers.prints(["start", id.get(..12).unwrap()]),
        id.get(..12).unwrap()
    );
    wait_for_log(&containers, "one", "started\nbye\nstarted");
    assert_eq!(
        containers.prints(["exec", "one", "wc", "-l", "/kept"]),
        "2 /kept"
    );
    assert_eq!(containers.prints(["kill", "one"]), "one");
    assert_eq!(containers.prints(["wait", "one"]), "137");
    assert_eq!(containers.prints(["rename", "one", "two"]), "");
    assert_eq!(containers.prints(["rm", "two"]), "two");
    assert_eq!(containers.prints(["ps", "-aq"]), "");
}

/// Until the container has printed `wanted`.
pub(crate) fn wait_for_log(containers: &Containers, name: &str, wanted: &str) {
    for _ in 0..200 {
        if containers.prints(["logs", name]) == wanted {
            return;
        }
        pause();
    }
    panic!("{name} printed {:?}", containers.prints(["logs", name]));
}

/// A moment.
pub(crate) fn pause() {
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _nobody_sends = receiver.recv_timeout(std::time::Duration::from_millis(50));
}

#[test]
fn privileged_what_ignores_sigterm_is_killed_in_the_end() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    containers.prints([
        "run",
        "-d",
        "--name",
        "deaf",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    wait_for_log(&containers, "deaf", "ready");
    containers.prints(["stop", "--timeout", "1", "deaf"]);
    assert_eq!(containers.prints(["wait", "deaf"]), "137");
}

#[test]
fn privileged_a_container_is_held_and_goes_on() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "n=0; while :; do n=$((n+1)); echo $n > /count; sleep 0.01; done";
    containers.prints([
        "run",
        "-d",
        "--name",
        "held",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    containers.prints(["pause", "held"]);
    assert_eq!(
        containers.prints(["ps", "--format", "{{.State}}"]),
        "paused"
    );
    let refused = containers
        .wharf(["exec", "held", "true"])
        .run()
        .exits_with(1);
    assert!(
        refused
            .error_text()
            .contains("is paused, unpause the container before exec")
    );
    let file = std::fs::read_dir(containers.sandbox.root().join("containers")).unwrap();
    let count = file.last().unwrap().unwrap().path().join("upper/count");
    let before = std::fs::read_to_string(&count).unwrap();
    pause();
    pause();
    assert_eq!(std::fs::read_to_string(&count).unwrap(), before);
    containers.prints(["unpause", "held"]);
    for _ in 0..100 {
        if std::fs::read_to_string(&count).unwrap() != before {
            return;
        }
        pause();
    }
    panic!("it does not go on");
}

#[test]
fn privileged_policies_start_containers_again() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "echo run; exit 1";
    let words = [
        "run",
        "-d",
        "--name",
        "again",
        "--restart",
        "on-failure:2",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    containers.prints(words);
    assert_eq!(wait_for_end(&containers, "again"), "1");
    assert_eq!(containers.prints(["logs", "again"]), "run\nrun\nrun");
    let words = [
        "run",
        "-d",
        "--name",
        "always",
        "--restart",
        "always",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        "echo run",
    ];
    containers.prints(words);
    // As Docker has it: any end is one, even if another life follows.
    assert_eq!(containers.prints(["wait", "always"]), "0");
    for _ in 0..200 {
        if containers.prints(["logs", "always"]).lines().count() > 2 {
            break;
        }
        pause();
    }
    containers.prints(["stop", "always"]);
    assert!(containers.prints(["logs", "always"]).lines().count() > 2);
    let state = containers.prints([
        "ps",
        "-a",
        "--filter",
        "name=always",
        "--format",
        "{{.State}}",
    ]);
    assert_eq!(state, "exited", "what somebody stopped stays stopped");
}

fn wait_for_end(containers: &Containers, name: &str) -> String {
    for _ in 0..200 {
        let filter = format!("name={name}");
        let state = containers.prints(["ps", "-a", "--filter", &filter, "--format", "{{.State}}"]);
        if state == "exited" {
            break;
        }
        pause();
    }
    containers.prints(["wait", name])
}

#[test]
fn privileged_a_monitor_that_dies_takes_its_container_along() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let id = containers.prints([
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sleep",
        "1000",
    ]);
    let monitor = monitor_of(&id);
    // Root of a container must not be able to write the machine's binary (CVE-2019-5736): not because it runs, but at all.
    let own = format!("/proc/{monitor}/exe");
    let mount = rustix::fs::statvfs(own).unwrap().f_flag;
    assert!(
        mount.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        "{mount:?}"
    );
    let cgroup = std::path::Path::new("/sys/fs/cgroup/memory/wharf").join(&id);
    let has_cgroup = cgroup.exists();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &monitor])
            .status()
            .unwrap()
            .success()
    );
    for _ in 0..100 {
        if containers.prints(["ps", "-q"]).is_empty() {
            break;
        }
        pause();
    }
    let status = containers.prints(["ps", "-a", "--format", "{{.Status}}"]);
    assert!(status.starts_with("Exited (137) "), "{status}");
    assert!(
        has_cgroup != cgroup.exists() || !has_cgroup,
        "its group of processes is left"
    );
    // Nothing holds it up from then on: it starts again, and its image knows of it.
    containers.prints(["start", "one"]);
    assert_eq!(containers.prints(["exec", "one", "echo", "back"]), "back");
    containers.wharf(["rmi", "busybox"]).run().exits_with(1);
    containers.prints(["rm", "--force", "one"]);
    containers.wharf(["rmi", "busybox"]).run().success();
}

/// The number of the process that watches the container.
fn monitor_of(id: &str) -> String {
    for entry in std::fs::read_dir("/proc")
        .expect("the list of processes")
        .flatten()
    {
        let name = entry
            .file_name()
            .into_string()
            .expect("the list of processes");
        let Ok(words) = std::fs::read_to_string(entry.path().join("cmdline")) else {
            continue;
        };
        if name.parse::<u32>().is_ok() && words.contains("container-monitor") && words.contains(id)
        {
            return name;
        }
    }
    panic!("nobody watches {id}");
}

// Servers log to `/dev/stdout`, which they open, as users who are not root.
#[test]
fn privileged_users_may_open_their_streams() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "echo out >/dev/stdout; echo error >/dev/stderr";
    let check = |words: &[&str]| {
        let words = [words, &["sh", "-c", script]].concat();
        let output = containers.wharf(words).run().success();
        assert_eq!(output.text(), "out\n");
        assert_eq!(output.error_text(), "error\n");
    };
    let run = ["run", "--user", "33:44", "--network", "none"];
    check(&[&run[..], &["--rm", "busybox"]].concat());
    let sleep = ["--detach", "--name", "one", "busybox", "sleep", "1000"];
    containers.prints([&run[..], &sleep].concat());
    check(&["exec", "one"]);
    check(&["exec", "--user", "55", "one"]);
    let file = "FROM busybox\nUSER 33\nRUN echo out >/dev/stdout && echo error >/dev/stderr\n";
    let build = ["build", "--network", "none", "--quiet", "-"];
    containers.wharf(build).input(file).run().success();
}

// What the caller has, a terminal or a file, is not the container's to open.
#[test]
fn privileged_exec_has_pipes_and_no_stream_of_the_caller() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let run = ["run", "--detach", "--name", "one", "--network", "none"];
    containers.prints([&run[..], &["busybox", "sleep", "1000"]].concat());
    let exec = |input: &[u8], script: &str| {
        let words = ["exec", "--interactive", "one", "sh", "-c", script];
        containers.wharf(words).input(input).run()
    };
    let show = "stat -L -c %F /dev/stdin /dev/stdout /dev/stderr";
    assert_eq!(exec(b"", show).success().text(), "fifo\n".repeat(3));
    // More than a pipe holds, both ways at once.
    let much: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    assert!(exec(&much, "cat").success().stdout == much);
    exec(&much, "exit 7").exits_with(7);
    // What stays in the background is not waited for.
    assert_eq!(
        exec(b"", "sleep 1000 & echo begun").success().text(),
        "begun\n"
    );
}

#[test]
fn privileged_exec_enters_a_container() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let words = [
        "run",
        "-d",
        "--name",
        "one",
        "-e",
        "A=1",
        "-w",
        "/tmp",
        "--network",
        "none",
        "busybox",
        "sleep",
        "1000",
    ];
    containers.prints(words);
    let exec = |words: &[&str]| {
        containers
            .wharf(["exec"].iter().chain(words).copied())
            .run()
    };
    assert_eq!(
        exec(&["one", "sh", "-c", "echo $A; pwd; cat /proc/1/comm"])
            .success()
            .text(),
        "1\n/tmp\nsleep\n"
    );
    let as_ann = [
        "-u",
        "ann",
        "-w",
        "/",
        "-e",
        "A=2",
        "one",
        "sh",
        "-c",
        "id -un; id -Gn; echo $A $HOME $PWD",
    ];
    assert_eq!(
        exec(&as_ann).success().text(),
        "ann\nann audio\n2 /home/ann /\n"
    );
    exec(&["one", "sh", "-c", "exit 9"]).exits_with(9);
    let missing = exec(&["one", "nonsense"]).exits_with(127);
    assert!(
        missing
            .error_text()
            .contains("executable file not found in $PATH")
    );
    exec(&["-d", "one", "sh", "-c", "sleep 0.2; touch /done"]).success();
    for _ in 0..100 {
        if exec(&["one", "stat", "/done"]).code == 0 {
            break;
        }
        pause();
    }
    exec(&["one", "stat", "/done"]).success();
    let typed = containers
        .wharf(["exec", "-i", "one", "cat"])
        .input("typed")
        .run()
        .success();
    assert_eq!(typed.text(), "typed");
}

#[test]
fn privileged_images_know_their_containers() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    containers.prints([
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sleep",
        "1000",
    ]);
    let id = containers.prints(["ps", "-q"]);
    let refused = containers
        .wharf(["rmi", "busybox"])
        .run()
        .exits_with(1)
        .error_text();
    let expected =
        "conflict: unable to remove repository reference \"busybox\" (must force) - container";
    assert!(
        refused.contains(expected) && refused.contains(&id),
        "{refused}"
    );
    let image = containers.prints(["images", "-q"]);
    let refused = containers
        .wharf(["rmi", "-f", &image])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.contains("(cannot be forced) - image is being used by running container"),
        "{refused}"
    );
    containers.prints(["image", "prune", "--all", "--force"]);
    assert_eq!(containers.prints(["images", "-q"]), image);
    containers.prints(["kill", "one"]);
    containers.prints(["wait", "one"]);
    containers.prints(["rmi", "-f", "busybox"]);
    // Its layers stay for the container, which starts without its image's name.
    containers.prints(["start", "one"]);
    assert_eq!(
        containers.prints(["exec", "one", "cat", "/data/seed"]),
        "from the image"
    );
}
