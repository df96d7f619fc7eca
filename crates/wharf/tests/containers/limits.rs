//! Limits, and what happens at them.

use crate::fixture::Containers;

#[test]
fn privileged_memory_has_an_end() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "x=0123456789; while :; do x=$x$x; done";
    let words = [
        "run",
        "--name",
        "eater",
        "--memory",
        "24m",
        "--memory-swap",
        "24m",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    containers.wharf(words).run().exits_with(137);
}

#[test]
fn privileged_a_fork_bomb_stays_where_it_is() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    // Nothing of it may need another process than the bomb has.
    let script = "b() { b | b & }; b 2>/dev/null; exec sleep 1000";
    let words = ["run", "-d", "--name", "bomb", "--network", "none"];
    let limited = ["--pids-limit", "16", "busybox", "sh", "-c", script];
    let id = containers.prints([&words[..], &limited].concat());
    for _ in 0..5 {
        let format = ["--format", "{{.PIDs}}", "bomb"];
        let count = containers.prints([&["stats", "--no-stream"][..], &format].concat());
        let count: u32 = count.parse().expect("a number");
        assert!((1..=16).contains(&count), "{count}");
        assert_eq!(containers.shell(&[], "echo alive"), "alive");
    }
    containers.prints(["stop", "--timeout", "0", "bomb"]);
    let state = containers.prints(["inspect", "-f", "{{.State.Status}}", "bomb"]);
    assert_eq!(state, "exited");
    let left = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-maxdepth", "4", "-name", &id])
        .output()
        .expect("find");
    assert_eq!(String::from_utf8_lossy(&left.stdout), "");
}

#[test]
fn privileged_limits_of_processes() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    assert_eq!(
        containers.shell(&["--ulimit", "nofile=123:456"], "ulimit -Sn; ulimit -Hn"),
        "123\n456"
    );
    assert_eq!(containers.shell(&[], "umask"), "0022");
    assert_eq!(
        containers.shell(
            &["--shm-size", "1m"],
            "dd if=/dev/zero of=/dev/shm/x bs=1k count=2000 2>/dev/null; wc -c < /dev/shm/x"
        ),
        "1048576"
    );
    assert_eq!(
        containers.shell(
            &["--sysctl", "net.ipv4.ip_forward=1"],
            "cat /proc/sys/net/ipv4/ip_forward"
        ),
        "1"
    );
}

#[test]
fn privileged_rules_of_devices_hold() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    if !std::path::Path::new("/dev/fuse").exists() {
        testkit::skip("there is no /dev/fuse");
        return;
    }
    let script = "mknod /f c 10 229; (: < /f) 2>&1 && echo opened";
    let refused = containers
        .wharf([
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .run()
        .exits_with(1);
    assert!(
        refused.text().contains("Operation not permitted"),
        "{refused:?}"
    );
    let rule = ["--device-cgroup-rule", "c 10:229 r"];
    assert_eq!(containers.shell(&rule, script), "opened");
    // To write was not allowed.
    let refused = containers
        .wharf([
            "run",
            "--rm",
            "--network",
            "none",
            rule[0],
            rule[1],
            "busybox",
        ])
        .args(["sh", "-c", "mknod /f c 10 229; : > /f"])
        .run()
        .exits_with(1);
    assert!(
        refused.error_text().contains("Operation not permitted"),
        "{refused:?}"
    );
}

/// What the files of the container's control groups say, whichever version has them.
fn group_files(parent: &str, id: &str) -> String {
    let folders = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-maxdepth", "4", "-type", "d", "-path"])
        .arg(format!("*/{parent}/{id}"))
        .output()
        .expect("find");
    let mut said = String::new();
    for folder in String::from_utf8_lossy(&folders.stdout).lines() {
        for file in [
            "memory.swappiness",
            "blkio.throttle.read_bps_device",
            "blkio.throttle.write_iops_device",
            "io.max",
        ] {
            let path = std::path::Path::new(folder).join(file);
            said.push_str(&std::fs::read_to_string(path).unwrap_or_default());
        }
    }
    said
}

#[test]
fn privileged_block_devices_are_slowed_below_a_group_of_one_s_choice() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let disks = std::fs::read_dir("/sys/block").into_iter().flatten();
    let disk = disks.flatten().find_map(|disk| {
        let device = std::path::Path::new("/dev").join(disk.file_name());
        let number = std::fs::read_to_string(disk.path().join("dev")).ok()?;
        let size = std::fs::read_to_string(disk.path().join("size")).ok()?;
        let is_real = device.exists() && size.trim() != "0";
        is_real.then(|| (device.display().to_string(), number.trim().to_owned()))
    });
    let Some((disk, number)) = disk else {
        testkit::skip("there is no disk");
        return;
    };
    let parent = format!("wharf-parent-{}", std::process::id());
    let run = containers
        .wharf(["run", "-d", "--name", "one", "--network", "none"])
        .args(["--cgroup-parent", &format!("/{parent}")])
        .args(["--memory-swappiness", "33"])
        .args(["--device-read-bps", &format!("{disk}:1mb")])
        .args(["--device-write-iops", &format!("{disk}:77")])
        .args(["busybox", "sleep", "100"])
        .run()
        .success();
    let (id, warnings) = (run.text(), run.error_text());
    let said = group_files(&parent, id.trim());
    for (what, one, other) in [
        ("swappiness", "33\n".to_owned(), "33\n".to_owned()),
        (
            "BPS read",
            format!("{number} 1048576"),
            "rbps=1048576".to_owned(),
        ),
        ("IOPS write", format!("{number} 77"), "wiops=77".to_owned()),
    ] {
        assert!(
            said.contains(&one) || said.contains(&other) || warnings.contains(what),
            "{what}: {said} {warnings}"
        );
    }
    let format = "{{.HostConfig.CgroupParent}} {{.HostConfig.MemorySwappiness}} {{json .HostConfig.BlkioDeviceReadBps}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "one"]),
        format!("/{parent} 33 [{{\"Path\":\"{disk}\",\"Rate\":1048576}}]")
    );
    containers.prints(["rm", "--force", "one"]);
    assert_eq!(group_files(&parent, id.trim()), "");
    let left = std::process::Command::new("find")
        .args(["/sys/fs/cgroup", "-depth", "-type", "d", "-name", &parent])
        .args(["-exec", "rmdir", "{}", ";"])
        .status();
    assert!(left.expect("find").success());
}

#[test]
fn privileged_what_is_not_here_says_why() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for (options, expected) in [
        (
            &["--link", "other"][..],
            "--link is not supported: put both",
        ),
        (
            &["--storage-opt", "size=1g"],
            "--storage-opt is not supported: ",
        ),
        (&["--use-api-socket"], "there is no daemon"),
        (&["--cpu-count", "1"], "is only supported on Windows"),
        (
            &["--health-timeout", "1us"],
            "Timeout in Healthcheck cannot be less than 1ms",
        ),
        (&["--isolation", "hyperv"], "linux only supports 'default'"),
        (
            &["--runtime", "kata"],
            "unknown or invalid runtime name: kata",
        ),
        (
            &["--cgroup-parent", "../x"],
            "invalid cgroup parent \"../x\"",
        ),
        (
            &["--gpus", "all"],
            "could not select device driver \"\" with capabilities: [[gpu]]",
        ),
    ] {
        let words = [
            &["run", "--rm", "--network", "none"][..],
            options,
            &["busybox", "true"],
        ]
        .concat();
        let refused = containers.wharf(words).run().exits_with(125).error_text();
        assert!(refused.contains(expected), "{options:?}: {refused}");
    }
    assert_eq!(containers.prints(["ps", "-aq"]), "");
    for (words, expected) in [
        (
            &["volume", "create", "--scope", "multi"][..],
            "--scope is not supported: there are no swarms",
        ),
        (&["volume", "ls", "--cluster"], "there are no swarms"),
        (
            &["start", "--checkpoint", "x", "one"],
            "what processes have in memory is not kept",
        ),
        (
            &["create", "--network", "container:", "busybox"],
            "Invalid network mode: invalid container format container:<name|id>",
        ),
    ] {
        let refused = containers.wharf(words.iter().copied()).run();
        let refused = refused.exits_with(1).error_text();
        assert!(refused.contains(expected), "{words:?}: {refused}");
    }
    let words = ["create", "--kernel-memory", "10m", "--runtime", "runc"];
    let made = containers.wharf(words).args(["busybox", "true"]).run();
    let warned = made.success().error_text();
    assert!(warned.contains("--kernel-memory discarded"), "{warned}");
}

#[test]
fn privileged_impossible_limits_are_refused() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for (option, value, expected) in [
        ("--memory", "1m", "Minimum memory limit allowed is 6MB"),
        ("--cpus", "9999", "Range of CPUs is from 0.01 to"),
        ("--memory", "much", "invalid size: 'much'"),
        (
            "--ulimit",
            "nofile=2:1",
            "soft limit must be less than or equal to hard limit",
        ),
        (
            "--cap-add",
            "NONSENSE",
            "unknown capability: \"CAP_NONSENSE\"",
        ),
        (
            "--restart",
            "sometimes",
            "cannot specify both --restart and --rm",
        ),
        (
            "--security-opt",
            "seccomp=/nowhere",
            "opening seccomp profile (/nowhere) failed",
        ),
        ("--stop-signal", "NONE", "invalid signal: NONE"),
        (
            "--log-driver",
            "syslog",
            "no log driver named 'syslog' is registered",
        ),
    ] {
        let words = [
            "run",
            "--rm",
            option,
            value,
            "--network",
            "none",
            "busybox",
            "true",
        ];
        let refused = containers.wharf(words).run().exits_with(125).error_text();
        assert!(refused.contains(expected), "{option} {value}: {refused}");
    }
    let words = ["create", "--restart", "sometimes", "busybox", "true"];
    let refused = containers.wharf(words).run().exits_with(1).error_text();
    assert!(refused.contains("unknown policy 'sometimes'"), "{refused}");
    assert_eq!(containers.prints(["ps", "-aq"]), "");
}
