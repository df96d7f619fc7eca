//! Options about the programs that a build runs.

use crate::fixture::Project;
use crate::running::project;

#[test]
fn privileged_steps_get_what_options_say() {
    let Some(project) = project(
        "RUN grep -q '^10.1.2.3.backend$' /etc/hosts && grep -q '^::7.six$' /etc/hosts\n\
         RUN test $(ulimit -Sn) = 123 && test $(ulimit -Hn) = 456\n\
         RUN df -k /dev/shm | grep -q ' 2048 '\n\
         RUN test \"$(ls /sys/class/net)\" = lo\n",
    ) else {
        return;
    };
    let flags = [
        "--add-host=backend:10.1.2.3",
        "--add-host=six=[::7]",
        "--ulimit=nofile=123:456",
        "--shm-size=2m",
        "--network=none",
        "--cgroup-parent=/wharf-tests",
        "--memory=100m",
    ];
    project.run(&flags).success();
    // limits do not decide what a step comes to, the network does
    let again = project.run(&["--network=none", "--shm-size=3m"]).success();
    let text = again.error_text();
    assert_eq!(text.matches("CACHED").count(), 6, "{text}");
    let failed = project.run(&[]).exits_with(1).error_text();
    assert!(failed.contains("grep -q '^10.1.2.3"), "{failed}");
}

#[test]
fn privileged_what_endangers_the_machine_is_allowed_first() {
    let Some(project) = project(
        "RUN --security=insecure grep -q 'Seccomp:.*0' /proc/self/status\n\
         RUN --network=host true\n",
    ) else {
        return;
    };
    let insecure = "--allow=security.insecure";
    for (flags, missing) in [
        (&[][..], "security.insecure"),
        (&[insecure], "network.host"),
    ] {
        let text = project.run(flags).exits_with(1).error_text();
        let expected = format!("{missing} is not allowed: build with --allow {missing}");
        assert!(text.contains(&expected), "{text}");
    }
    project
        .run(&["--allow=security.insecure,network.host"])
        .success();
    project
        .run(&["--no-cache", insecure, "--network=host"])
        .success();
}

#[test]
fn options_that_mean_nothing_here_say_so() {
    let project = Project::new("FROM scratch\nLABEL a=b\n");
    for flag in [
        "--builder=other",
        "--compress",
        "--force-rm",
        "--isolation=process",
        "--security-opt=label=x",
    ] {
        let text = project.run(&[flag]).success().error_text();
        let name = flag.split('=').next().unwrap();
        let warning = format!("WARNING: {name} has no effect: ");
        assert!(text.contains(&warning), "{flag}: {text}");
    }
    for (flag, code, expected) in [
        ("--policy=x", 1, "--policy is not supported: pin sources"),
        ("--resource=x", 1, "--resource is for builders elsewhere"),
        ("--allow=all", 1, "invalid entitlement \"all\" for --allow"),
        ("--network=mine", 1, "network mine not found"),
        ("--add-host=x", 125, "bad format for add-host: \"x\""),
        ("--shm-size=many", 125, "invalid size: 'many'"),
        ("--ulimit=nofile", 125, "invalid ulimit argument: nofile"),
        ("--cgroup-parent=a/../..", 1, "it leads out of itself"),
    ] {
        let text = project.run(&[flag]).exits_with(code).error_text();
        assert!(text.contains(expected), "{flag}: {text}");
    }
}
