//! What a container sees, and what it may do.

use crate::fixture::Containers;

#[test]
fn privileged_a_container_sees_itself_alone() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    assert_eq!(
        // The shell and `ls`, one after the other.
        containers.shell(&[], "echo $$; ls /proc > /list; grep -c '^[0-9]' /list"),
        "1\n2"
    );
    assert_eq!(
        containers.shell(&["--hostname", "harbour"], "hostname; cat /etc/hostname"),
        "harbour\nharbour"
    );
    assert_eq!(
        containers.shell(&[], "ls /"),
        "bin\ndata\ndev\netc\nhome\nproc\nroot\nsys\ntmp"
    );
    let devices = containers.shell(&[], "ls /dev");
    assert_eq!(
        devices.split('\n').collect::<Vec<_>>(),
        [
            "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr",
            "stdin", "stdout", "tty", "urandom", "zero"
        ]
    );
    assert_eq!(containers.shell(&[], "ls /sys/class/net"), "lo");
    assert_eq!(
        containers.shell(&[], "ip -o link show lo | grep -c UP"),
        "1"
    );
    assert_eq!(
        containers.shell(&[], "cat /etc/hosts | head -n 1"),
        "127.0.0.1\tlocalhost"
    );
    // Nothing of the machine's mounts is seen.
    let root = containers.sandbox.root();
    let folder = root.to_str().unwrap();
    let mounts = containers.shell(&[], "grep -v ' / / ' /proc/self/mountinfo | grep -v /etc/");
    assert!(!mounts.contains(folder), "{mounts}");
}

#[test]
fn privileged_rights_are_dockers() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let capabilities =
        |options: &[&str]| containers.shell(options, "grep CapEff /proc/self/status | cut -f 2");
    assert_eq!(capabilities(&[]), "00000000a80425fb");
    assert_eq!(capabilities(&["--cap-drop", "ALL"]), "0000000000000000");
    assert_eq!(
        capabilities(&["--cap-drop", "ALL", "--cap-add", "CHOWN"]),
        "0000000000000001"
    );
    assert_eq!(capabilities(&["--user", "1000"]), "0000000000000000");
    let status = |options: &[&str], name: &str| {
        let script = format!("grep {name}: /proc/self/status | cut -f 2");
        containers.shell(options, &script)
    };
    assert_eq!(status(&[], "Seccomp"), "2");
    assert_eq!(
        status(&["--security-opt", "seccomp=unconfined"], "Seccomp"),
        "0"
    );
    assert_eq!(status(&["--privileged"], "Seccomp"), "0");
    assert_eq!(status(&[], "NoNewPrivs"), "0");
    assert_eq!(
        status(&["--security-opt", "no-new-privileges"], "NoNewPrivs"),
        "1"
    );
    assert_eq!(
        status(
            &["--user", "ann", "--security-opt", "no-new-privileges"],
            "Seccomp"
        ),
        "2"
    );
}

#[test]
fn privileged_what_is_dangerous_is_refused() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    for script in [
        "mount -t tmpfs tmpfs /tmp",
        "echo 1 > /proc/sys/kernel/printk",
        "echo b > /proc/sysrq-trigger",
        "mkdir /sys/fs/cgroup/new",
        "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk",
        "hostname other",
        "head -c 1 /proc/kcore | grep .",
        "ls /proc/acpi | grep .",
        "ln /proc/1/exe /tmp/exe",
    ] {
        let words = [
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            script,
        ];
        let output = containers.wharf(words).run();
        assert_ne!(output.code, 0, "{script}: {}", output.text());
    }
    assert_eq!(
        containers.shell(&["--privileged"], "mount -t tmpfs tmpfs /tmp && echo done"),
        "done"
    );
}

#[test]
fn privileged_namespaces_are_shared_as_asked() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    containers.prints([
        "run",
        "-d",
        "--ipc",
        "shareable",
        "--name",
        "one",
        "--network",
        "none",
        "--hostname",
        "one",
        "busybox",
        "sleep",
        "1000",
    ]);
    let here = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
    let inside = |options: &[&str], name: &str| {
        let words = ["run", "--rm"].iter().chain(options).copied();
        let path = format!("/proc/self/ns/{name}");
        let words = words.chain(["busybox", "ls", "-l", &path]);
        let text = containers.prints(words);
        text.rsplit_once("-> ").unwrap().1.to_owned()
    };
    for (option, name) in [
        ("--network", "net"),
        ("--pid", "pid"),
        ("--ipc", "ipc"),
        ("--uts", "uts"),
    ] {
        let apart: &[&str] = match option {
            "--network" => &[],
            _ => &["--network", "none"],
        };
        let shared = inside(&[apart, &[option, "host"]].concat(), name);
        assert_eq!(shared, here(name).to_str().unwrap(), "{name}");
        if name != "uts" {
            let theirs =
                containers.prints(["exec", "one", "ls", "-l", &format!("/proc/self/ns/{name}")]);
            let theirs = theirs.rsplit_once("-> ").unwrap().1;
            assert_eq!(
                inside(&[apart, &[option, "container:one"]].concat(), name),
                theirs,
                "{name}"
            );
        }
    }
    let words = [
        "run",
        "--rm",
        "--network",
        "container:nobody",
        "busybox",
        "true",
    ];
    let refused = containers.wharf(words).run().exits_with(125);
    assert!(
        refused.error_text().contains("No such container: nobody"),
        "{}",
        refused.error_text()
    );
}

#[test]
fn privileged_users_groups_and_environment() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "id -u; id -g; id -G; echo $HOME";
    for (user, expected) in [
        ("", "0\n0\n0\n/root"),
        ("ann", "1000\n1000\n1000 29\n/home/ann"),
        ("1000:29", "1000\n29\n29\n/home/ann"),
        ("4000:5000", "4000\n5000\n5000\n/"),
    ] {
        assert_eq!(
            containers.shell(&["--user", user], script),
            expected,
            "{user:?}"
        );
    }
    assert_eq!(containers.shell(&["--group-add", "audio"], "id -G"), "0 29");
    let file = containers.sandbox.work().join("variables");
    testkit::write(&file, "# remark\nB=from file\n\nHERE\n");
    let command = containers.wharf([
        "run",
        "--rm",
        "--network",
        "none",
        "-e",
        "A=x y",
        "--env-file",
        file.to_str().unwrap(),
        "busybox",
        "sh",
        "-c",
        "echo \"$A|$B|$HERE|$PATH\"",
    ]);
    let text = command.env("HERE", "passed on").run().success().text();
    assert_eq!(
        text,
        "x y|from file|passed on|/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    );
}

// Whoever starts us may have left descriptors open: one that leads to a folder leads out of a container.
#[test]
fn privileged_nothing_that_the_caller_has_open_is_inherited() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let sandbox = &containers.sandbox;
    let with_descriptors = |words: &[&str]| {
        let script = "exec 7</etc 8<>/dev/null; exec \"$@\"";
        let shell = sandbox.program("sh").args(["-c", script, "sh"]);
        let command = shell.arg(sandbox.wharf_binary()).args(words);
        command.run().success().text()
    };
    // The last one is the listing's own.
    let list = "ls /proc/self/fd | tr '\\n' ' '";
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        list,
    ];
    assert_eq!(with_descriptors(&run), "0 1 2 3 ");
    let run = ["run", "--detach", "--name", "one", "--network", "none"];
    with_descriptors(&[&run[..], &["busybox", "sleep", "1000"]].concat());
    assert_eq!(
        with_descriptors(&["exec", "one", "sh", "-c", list]),
        "0 1 2 3 "
    );
    let first = "ls /proc/1/fd | tr '\\n' ' '";
    let shown = containers.prints(["exec", "one", "sh", "-c", first]);
    assert_eq!(shown, "0 1 2 ");
    // Nor does the process that stays behind keep it open.
    let id = containers.prints(["inspect", "--format", "{{.Id}}", "one"]);
    let script = format!("readlink /proc/$(pgrep -f 'container-monito[r] {id}')/fd/*");
    let open = sandbox.program("sh").args(["-c", &script]).run();
    let open = open.success().text();
    assert!(!open.is_empty() && !open.contains("/etc\n"), "{open}");
}

#[test]
fn privileged_paths_of_the_system_can_be_opened() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let count = "grep -c ' /proc/' /proc/self/mounts; true";
    let closed = containers.shell(&[], count);
    assert_ne!(closed.trim(), "0");
    let open = containers.shell(&["--security-opt", "systempaths=unconfined"], count);
    assert_eq!(open.trim(), "0");
    let create = [
        "create",
        "--name",
        "one",
        "--security-opt",
        "systempaths=unconfined",
    ];
    containers.prints([&create[..], &["busybox"]].concat());
    let shown =
        "{{.HostConfig.MaskedPaths}} {{.HostConfig.ReadonlyPaths}} {{.HostConfig.SecurityOpt}}";
    assert_eq!(
        containers.prints(["inspect", "--format", shown, "one"]),
        "[] [] []"
    );
}
