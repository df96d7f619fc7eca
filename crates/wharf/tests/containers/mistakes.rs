//! What does not work, and how that is said.

use crate::fixture::Containers;

#[test]
fn privileged_programs_that_cannot_be_started() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for (program, code, expected) in [
        (
            "nonsense",
            127,
            "exec: \"nonsense\": executable file not found in $PATH",
        ),
        (
            "/none",
            127,
            "exec: \"/none\": stat /none: no such file or directory",
        ),
        (
            "/etc/not-a-program",
            126,
            "exec: \"/etc/not-a-program\": permission denied",
        ),
        ("/etc", 126, "exec: \"/etc\": is a directory"),
    ] {
        let words = ["run", "--rm", "--network", "none", "busybox", program];
        let refused = containers.wharf(words).run().exits_with(code).error_text();
        assert!(refused.contains(expected), "{program}: {refused}");
    }
    let words = [
        "run",
        "--rm",
        "--network",
        "none",
        "--user",
        "eve",
        "busybox",
        "true",
    ];
    let refused = containers.wharf(words).run().exits_with(125).error_text();
    assert!(
        refused.contains("unable to find user eve: no matching entries in passwd file"),
        "{refused}"
    );
    assert_eq!(
        containers.prints(["ps", "-aq"]),
        "",
        "--rm leaves none of them"
    );
}

/// `refusals.txt`, which says where it comes from.
#[test]
fn privileged_refusals_are_docker_s() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let recorded = include_str!("refusals.txt");
    let mut refusals = 0;
    for refusal in recorded.split("\n$ ").skip(1) {
        let (command, rest) = refusal.split_once('\n').unwrap();
        let (code, text) = rest.split_once('\n').unwrap();
        let code = code.strip_prefix("# ").unwrap().parse().unwrap();
        let refused = containers.wharf(command.split(' ')).run().exits_with(code);
        assert_eq!(
            refused.error_text().trim_end(),
            text.trim_end(),
            "{command}"
        );
        refusals += 1;
    }
    assert!(refusals > 80, "only {refusals} were read");
    assert_eq!(containers.prints(["ps", "-aq"]), "");
    assert_eq!(containers.prints(["volume", "ls", "-q"]), "");
}

#[test]
fn privileged_an_image_for_other_machines_is_told() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let options = ["create", "--pull", "never", "--platform"];
    let words = options.into_iter().chain(["linux/riscv64", "busybox"]);
    let refused = containers.wharf(words).run().exits_with(1).error_text();
    assert!(
        refused.contains("does not match the specified platform (linux/riscv64)"),
        "{refused}"
    );
}

#[test]
fn privileged_exec_does_not_make_folders() {
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
    let words = ["exec", "-w", "/none", "one", "pwd"];
    let refused = containers.wharf(words).run().exits_with(126).error_text();
    assert!(refused.contains("no such file or directory"), "{refused}");
    let words = ["exec", "-u", "eve", "one", "id"];
    let refused = containers.wharf(words).run().exits_with(126).error_text();
    assert_eq!(
        refused,
        "unable to find user eve: no matching entries in passwd file\n"
    );
    assert_eq!(containers.prints(["diff", "one"]), "");
}

#[test]
fn privileged_containers_that_are_not_there() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for words in [
        &["start", "none"][..],
        &["stop", "none"],
        &["kill", "none"],
        &["rm", "none"],
        &["logs", "none"],
        &["wait", "none"],
        &["exec", "none", "true"],
        &["pause", "none"],
        &["attach", "none"],
    ] {
        let refused = containers
            .wharf(words.iter().copied())
            .run()
            .exits_with(1)
            .error_text();
        assert_eq!(
            refused, "Error response from daemon: No such container: none\n",
            "{words:?}"
        );
    }
    let forced = containers.wharf(["rm", "--force", "none"]).run().success();
    assert_eq!(forced.text(), "");
    containers.prints(["create", "--name", "made", "busybox", "true"]);
    let refused = containers
        .wharf(["create", "--name", "made", "busybox"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.contains("is already in use by container"),
        "{refused}"
    );
    let refused = containers
        .wharf(["create", "--name", "a/b", "busybox"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.contains("Invalid container name (a/b)"),
        "{refused}"
    );
    let refused = containers
        .wharf(["exec", "made", "true"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(refused.contains("is not running"), "{refused}");
    let refused = containers
        .wharf(["kill", "made"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(refused.contains("is not running"), "{refused}");
}
