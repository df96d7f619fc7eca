//! Containers that run, seen from outside: `top`, `port`, `stats`, `update`.

use crate::fixture::Containers;

fn running(options: &[&str]) -> Option<Containers> {
    let containers = Containers::new()?.imported();
    let network: &[&str] = if options.contains(&"--network") {
        &[]
    } else {
        &["--network", "none"]
    };
    let (begin, sleep) = (["run", "-d", "--name", "one"], ["busybox", "sleep", "100"]);
    containers.prints([&begin[..], network, options, &sleep].concat());
    Some(containers)
}

#[test]
fn privileged_top_tells_the_processes_of_the_container_alone() {
    let Some(containers) = running(&[]) else {
        return;
    };
    let told = containers.prints(["top", "one"]);
    let lines: Vec<&str> = told.lines().collect();
    assert!(
        lines[0].starts_with("UID                 PID                 PPID"),
        "{told}"
    );
    assert_eq!(lines.len(), 2, "{told}");
    assert!(lines[1].ends_with("sleep 100"), "{told}");
    let told = containers.prints(["container", "top", "one", "-eo", "pid,comm"]);
    let process = containers.prints(["inspect", "-f", "{{.State.Pid}}", "one"]);
    assert!(told.lines().nth(1).unwrap().starts_with(&process), "{told}");
    let refused = containers
        .wharf(["top", "one", "-eo", "comm"])
        .run()
        .exits_with(1)
        .error_text();
    assert_eq!(
        refused,
        "Error response from daemon: Couldn't find PID field in ps output\n"
    );
    containers.prints(["kill", "one"]);
    containers.prints(["wait", "one"]);
    let refused = containers
        .wharf(["top", "one"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(refused.ends_with("is not running\n"), "{refused}");
}

#[test]
fn privileged_update_holds_at_once_and_later() {
    let Some(containers) = running(&["--memory", "64m"]) else {
        return;
    };
    assert_eq!(
        containers.prints(["update", "--pids-limit", "7", "--cpus", "0.5", "one"]),
        "one"
    );
    assert_eq!(
        containers.prints(["update", "--cpus", "0.25", "--memory", "32m", "one"]),
        "one"
    );
    let format = "{{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "one"]),
        "7 250000000 33554432"
    );
    let limit = containers.prints([
        "stats",
        "--no-stream",
        "--format",
        "{{.MemUsage}} {{.PIDs}}",
        "one",
    ]);
    assert!(limit.ends_with(" / 32MiB 1"), "{limit}");
    assert_eq!(
        containers.prints(["update", "--restart", "on-failure:3", "one"]),
        "one"
    );
    let format =
        "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "one"]),
        "on-failure 3"
    );
    for (words, expected) in [
        (
            &["update", "one"][..],
            "you must provide one or more flags when using this command\n",
        ),
        (
            &["update", "--pids-limit", "1", "none"],
            "Error response from daemon: No such container: none\n",
        ),
    ] {
        let refused = containers
            .wharf(words.iter().copied())
            .run()
            .exits_with(1)
            .error_text();
        assert_eq!(refused, expected, "{words:?}");
    }
    let refused = containers
        .wharf(["update", "--memory", "1m", "one"])
        .run()
        .exits_with(1);
    let text = refused.error_text();
    assert!(
        text.starts_with("Error response from daemon: Cannot update container "),
        "{text}"
    );
    assert!(
        text.ends_with(": Minimum memory limit allowed is 6MB\n"),
        "{text}"
    );
    containers.prints(["stop", "--timeout", "0", "one"]);
    let left = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-maxdepth", "3", "-path"])
        .arg(format!(
            "*wharf/{}*",
            containers.prints(["ps", "-aq", "--no-trunc"])
        ))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn privileged_stats_are_shown_as_a_table_and_by_format() {
    let Some(containers) = running(&["--memory", "64m"]) else {
        return;
    };
    containers.prints(["create", "--name", "idle", "busybox", "true"]);
    let table = containers.prints(["stats", "--no-stream"]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT"),
        "{table}"
    );
    assert!(lines.len() == 2 && lines[1].contains("/ 64MiB"), "{table}");
    let json = containers.prints([
        "stats",
        "--no-stream",
        "--no-trunc",
        "--format",
        "json",
        "one",
    ]);
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["Container"], "one");
    assert_eq!(row["Name"], "one");
    assert_eq!(row["PIDs"], "1");
    assert_eq!(row["NetIO"], "0B / 0B");
    assert!(row["CPUPerc"].as_str().unwrap().ends_with('%'), "{json}");
    let all = containers.prints([
        "stats",
        "--all",
        "--no-stream",
        "--format",
        "{{.Name}} {{.PIDs}}",
    ]);
    assert!(all.lines().any(|line| line == "idle 0"), "{all}");
    let refused = containers
        .wharf(["stats", "--no-stream", "none"])
        .run()
        .exits_with(1);
    assert_eq!(
        refused.error_text(),
        "Error response from daemon: No such container: none\n"
    );
}

#[test]
fn privileged_port_tells_where_ports_are_published() {
    let Some(containers) = running(&[
        "--network",
        "bridge",
        "-p",
        "127.0.0.1:18471:80",
        "-p",
        "18472:53/udp",
    ]) else {
        return;
    };
    assert_eq!(
        containers.prints(["port", "one"]),
        "53/udp -> 0.0.0.0:18472\n53/udp -> [::]:18472\n80/tcp -> 127.0.0.1:18471"
    );
    assert_eq!(
        containers.prints(["container", "port", "one", "80"]),
        "127.0.0.1:18471"
    );
    let refused = containers
        .wharf(["port", "one", "81"])
        .run()
        .exits_with(1)
        .error_text();
    assert_eq!(refused, "Error: No public port '81' published for one\n");
}

#[test]
fn changes_at_the_same_time_are_all_kept() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let changes = [
        "--memory=64m",
        "--memory-reservation=32m",
        "--pids-limit=77",
        "--cpu-shares=300",
        "--restart=on-failure:3",
        "--cpuset-cpus=0",
    ];
    for round in 0..5 {
        // Whoever asks by the name may come too late.
        let id = containers.prints(["create", "busybox"]);
        let update = |change| containers.wharf(["update", change, &id]).spawn();
        let mut updates: Vec<_> = changes.map(update).into();
        let name = format!("round{round}");
        updates.push(containers.wharf(["rename", &id, &name]).spawn());
        for mut update in updates {
            update.wait().unwrap();
        }
        let format = "{{.Name}} {{with .HostConfig}}{{.Memory}} {{.MemoryReservation}} {{.PidsLimit}} {{.CpuShares}} {{.RestartPolicy.MaximumRetryCount}} {{.CpusetCpus}}{{end}}";
        let shown = containers.prints(["inspect", "--format", format, &id]);
        assert_eq!(shown, format!("/{name} 67108864 33554432 77 300 3 0"));
    }
}
