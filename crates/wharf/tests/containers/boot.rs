//! What is started again when the machine starts.

use rustix::process::{Pid, Signal, kill_process};

use crate::fixture::Containers;

#[test]
fn privileged_policies_say_what_starts_with_the_machine() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for (name, policy) in [
        ("always", "always"),
        ("stopped-always", "always"),
        ("unless", "unless-stopped"),
        ("stopped-unless", "unless-stopped"),
        ("never", "no"),
        ("failing", "on-failure"),
    ] {
        let words = [
            "run",
            "-d",
            "--name",
            name,
            "--restart",
            policy,
            "--network",
            "none",
        ];
        containers.prints(words.into_iter().chain(["busybox", "sleep", "1000"]));
    }
    containers.prints([
        "create",
        "--name",
        "new",
        "--restart",
        "always",
        "busybox",
        "true",
    ]);
    containers.prints(["stop", "--timeout", "0", "stopped-always", "stopped-unless"]);
    for name in ["always", "unless", "never", "failing"] {
        kill_monitor(&containers, name);
    }
    let format = "{{.State.Status}} {{.State.ExitCode}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "always"]),
        "exited 137"
    );
    let started = containers.prints(["system", "start-containers"]);
    assert_eq!(started, "always\nstopped-always\nunless");
    let running = containers.prints(["ps", "--format", "{{.Names}}"]);
    assert_eq!(running, "unless\nstopped-always\nalways");
    assert_eq!(containers.prints(["system", "start-containers"]), "");
}

/// As the end of the machine would: nothing is written down any more.
fn kill_monitor(containers: &Containers, name: &str) {
    let process = containers.prints(["inspect", "-f", "{{.State.Pid}}", name]);
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))
        .expect("the container's monitor");
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    let monitor = parent
        .and_then(|parent| Pid::from_raw(parent.trim().parse().expect("the container's monitor")));
    let number = monitor.expect("the container's monitor").as_raw_nonzero();
    let command = std::fs::read_to_string(format!("/proc/{number}/cmdline"))
        .expect("the container's monitor");
    assert!(command.contains("container-monitor"), "{command}");
    kill_process(monitor.expect("the container's monitor"), Signal::KILL)
        .expect("the container's monitor");
    containers.prints(["wait", name]);
}
