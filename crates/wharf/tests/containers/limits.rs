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
    let script = "b() { b | b & }; b 2>/dev/null; sleep 0.5; echo alive";
    let text = containers.shell(&["--pids-limit", "16"], script);
    assert_eq!(text.lines().last(), Some("alive"), "{text}");
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
