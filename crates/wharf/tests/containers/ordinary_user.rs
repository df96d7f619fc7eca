//! Containers of somebody who is not root.

use std::path::Path;

use testkit::{OrdinaryUser, Peer, ProgramCommand, Sandbox, skip};

use crate::fixture::Containers;

pub(crate) fn wharf(sandbox: &Sandbox, words: &[&str]) -> ProgramCommand {
    let user = OrdinaryUser::with_one_id();
    user.program(sandbox, sandbox.wharf_binary()).args(words)
}

/// A store of an ordinary user with the image `busybox`; `None`, said aloud, where that cannot be had.
pub(crate) fn store_of_nobody() -> Option<Containers> {
    let containers = sandbox_of(&OrdinaryUser::with_one_id())?;
    let sandbox = &containers.sandbox;
    let archive = sandbox.work().join("busybox.tar");
    let import = wharf(sandbox, &["import", "--change", "CMD [\"sh\"]"]);
    import.arg(archive).arg("busybox").run().success();
    Some(containers)
}

/// A sandbox with a binary and the archive of the image, which all are the user's.
pub(crate) fn sandbox_of(user: &OrdinaryUser) -> Option<Containers> {
    let sandbox = Sandbox::new();
    let binary = sandbox.path().join("wharf");
    std::fs::copy(sandbox.wharf_binary(), &binary).expect("a file of the fixture");
    let containers = Containers::with(sandbox.with_binary(&binary))?;
    let sandbox = &containers.sandbox;
    user.own(sandbox.path());
    let allowed = user
        .program(sandbox, "unshare")
        .args(["--user", "--map-root-user", "true"])
        .run();
    if allowed.code != 0 {
        skip("this kernel lets ordinary users make no user namespace");
        return None;
    }
    Some(containers)
}

#[test]
fn an_ordinary_user_commits_and_exports() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let prints = |words: &[&str]| wharf(sandbox, words).run().success().text();
    let script = "echo new > /data/new; rm /etc/group; rm -r /home; mkdir /home";
    let run = [
        "run",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ];
    prints(&run);
    assert_eq!(
        prints(&["diff", "one"]),
        "C /data\nA /data/new\nC /etc\nD /etc/group\nC /home\nD /home/ann\n"
    );
    prints(&["commit", "one", "made"]);
    let script = "cat /data/new; ls /etc/group /home 2>&1; true";
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "made",
        "sh",
        "-c",
        script,
    ];
    let text = prints(&run);
    assert!(text.starts_with("new\n") && !text.contains("ann"), "{text}");
    assert!(text.contains("/etc/group: No such file"), "{text}");
    let archive = sandbox.work().join("one.tar");
    wharf(sandbox, &["export", "one", "--output"])
        .arg(&archive)
        .run()
        .success();
    let listed = sandbox
        .program("tar")
        .arg("-tf")
        .arg(&archive)
        .run()
        .success()
        .text();
    assert!(
        listed.contains("data/new\n") && !listed.contains("etc/group"),
        "{listed}"
    );
    assert!(!listed.contains("home/ann"), "{listed}");
    prints(&["rm", "one"]);
}

#[test]
fn an_ordinary_user_copies_files() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let file = sandbox.work().join("file");
    testkit::write(&file, "content");
    OrdinaryUser::with_one_id().own(&file);
    let cp = |from: &Path, to: &Path| {
        let command = wharf(sandbox, &["cp"]).arg(from).arg(to);
        command.run().success().text()
    };
    let begin = ["--name", "one", "--network", "none", "-v", "kept:/volume"];
    let sleep = ["busybox", "sleep", "1000"];
    let words = [&["create"][..], &begin, &sleep].concat();
    wharf(sandbox, &words).run().success();
    for (target, back) in [("one:/tmp/x", "resting"), ("one:/volume", "volume")] {
        cp(&file, Path::new(target));
        let from = if target == "one:/volume" {
            "one:/volume/file"
        } else {
            target
        };
        cp(Path::new(from), &sandbox.work().join(back));
    }
    wharf(sandbox, &["start", "one"]).run().success();
    let owners = [
        "exec",
        "one",
        "stat",
        "-c",
        "%u:%g",
        "/tmp/x",
        "/volume/file",
    ];
    let text = wharf(sandbox, &owners).run().success().text();
    assert_eq!(text, "0:0\n0:0\n");
    cp(&file, Path::new("one:/tmp/y"));
    cp(Path::new("one:/tmp/y"), &sandbox.work().join("running"));
    for name in ["resting", "volume", "running"] {
        let copied = sandbox.work().join(name);
        assert_eq!(std::fs::read_to_string(&copied).unwrap(), "content");
    }
    wharf(sandbox, &["rm", "--force", "one"]).run().success();
}

/// Owners and names in an archive that goes to standard output.
fn owners(sandbox: &Sandbox, words: &[&str]) -> Vec<String> {
    let archive = wharf(sandbox, words).run().success().stdout;
    let listed = sandbox
        .program("tar")
        .args(["--numeric-owner", "-tvf", "-"]);
    let text = listed.input(archive).run().success().text();
    let lines = text.lines().map(|line| {
        let mut fields = line.split_whitespace();
        let mode = fields.next().unwrap_or_default().to_owned();
        let owner = fields.next().unwrap_or_default();
        let name = line.split(' ').next_back().unwrap_or_default();
        format!("{mode} {owner} {name}")
    });
    lines.collect()
}

#[test]
fn an_ordinary_user_s_files_have_several_owners() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let prints = |words: &[&str]| wharf(sandbox, words).run().success().text();
    let script = "mkdir /made; echo a > /made/a; chown 33:44 /made/a; chmod 4750 /made/a; \
        chown -R 7:8 /data; mknod /made/null c 1 3; sleep 1000";
    let begin = ["run", "-d", "--name", "one", "--network", "none"];
    let words = [&begin[..], &["busybox", "sh", "-c", script]].concat();
    prints(&words);
    let wait = "while ! [ -e /data/done ]; do [ -e /made/null ] && touch /data/done; done; chown 9 /data/done";
    prints(&["exec", "one", "sh", "-c", wait]);
    // What asked is gone, and with it who answered; the next one is answered again.
    prints(&["exec", "one", "chown", "10:11", "/data/done"]);
    prints(&["stop", "--timeout", "0", "one"]);
    let expected = [
        "drwxr-xr-x 0/0 made/",
        "-rwsr-x--- 33/44 made/a",
        "crw-r--r-- 0/0 made/null",
    ];
    assert_eq!(owners(sandbox, &["cp", "one:/made", "-"]), expected);
    prints(&["commit", "one", "made"]);
    prints(&["create", "--name", "two", "made", "true"]);
    let found = owners(sandbox, &["export", "two"]);
    for line in expected.iter().chain(&[
        "drwxr-xr-x 7/8 data/",
        "-rw-r--r-- 7/8 data/seed",
        "-rw-r--r-- 10/11 data/done",
    ]) {
        assert!(found.iter().any(|found| found == line), "{line}: {found:?}");
    }
    // Nobody answers any more.
    let program = containers.sandbox.wharf_binary().display().to_string();
    let left = || {
        let entries = std::fs::read_dir("/proc").expect("/proc");
        let links = entries.flatten().map(|entry| entry.path().join("exe"));
        links
            .filter_map(|link| std::fs::read_link(link).ok())
            .filter(|exe| exe.display().to_string() == program)
            .count()
    };
    while left() > 0 {
        crate::life::pause();
    }
}

#[test]
fn an_ordinary_user_is_told_what_networks_are_to_be_had() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let listed = wharf(sandbox, &["network", "ls", "--format", "{{.Name}}"]);
    assert_eq!(listed.run().success().text(), "bridge\nhost\nnone\n");
    let refused = wharf(sandbox, &["network", "create", "web"]).run();
    assert_eq!(
        refused.exits_with(1).error_text(),
        "Error response from daemon: cannot make the network web: only root can make bridges. Let containers share one network with `--network container:NAME`, or run wharf as root\n"
    );
}

#[test]
fn an_ordinary_user_runs_containers() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let shell = |options: &[&str], script: &str| {
        let words = ["run", "--rm", "--network", "none"]
            .iter()
            .chain(options)
            .copied();
        let words: Vec<&str> = words.chain(["busybox", "sh", "-c", script]).collect();
        wharf(sandbox, &words).run().success().text()
    };
    assert_eq!(
        shell(&[], "id -u; echo $$; cat /data/seed"),
        "0\n1\nfrom the image\n"
    );
    // There is one id: whoever else is asked for is the same outside.
    assert_eq!(
        shell(
            &["--user", "ann:audio"],
            "id -u; echo $HOME; cat /data/seed"
        ),
        "0\n/home/ann\nfrom the image\n"
    );
    assert_eq!(
        shell(
            &["-v", "kept:/data"],
            "echo more > /data/own; cat /data/seed"
        ),
        "from the image\n"
    );
    assert_eq!(shell(&["-v", "kept:/data"], "cat /data/own"), "more\n");
    assert_eq!(
        shell(
            &[],
            "echo $(ls /dev | grep -c null) > /dev/null; echo written > /new; cat /new"
        ),
        "written\n"
    );
    let words = [
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "none",
        "busybox",
        "sleep",
        "1000",
    ];
    wharf(sandbox, &words).run().success();
    let text = wharf(sandbox, &["exec", "one", "id", "-u"])
        .run()
        .success()
        .text();
    assert_eq!(text, "0\n");
    wharf(sandbox, &["stop", "--timeout", "0", "one"])
        .run()
        .success();
    wharf(sandbox, &["rm", "one"]).run().success();
}

#[test]
fn privileged_an_ordinary_user_publishes_ports() {
    let user = OrdinaryUser::with_one_id();
    let Some(containers) = sandbox_of(&user) else {
        return;
    };
    let sandbox = &containers.sandbox;
    // pasta, where it is installed, is taken instead.
    if Peer::Slirp4netns.installed().is_none() {
        return;
    }
    let Some(user) = user.with_tunnel(sandbox) else {
        return;
    };
    let wharf = |words: &[&str]| user.program(sandbox, sandbox.wharf_binary()).args(words);
    let prints = |words: &[&str]| wharf(words).run().success().text();
    let archive = sandbox.work().join("busybox.tar");
    wharf(&["import"])
        .arg(archive)
        .arg("busybox")
        .run()
        .success();
    let script = "echo from inside > /data/index.html; httpd -f -p 80 -h /data";
    let run = [
        "run",
        "--detach",
        "--name",
        "one",
        "--publish",
        "127.0.0.1::80",
    ];
    prints(&[&run[..], &["busybox", "sh", "-c", script]].concat());
    let port = prints(&["port", "one", "80"]);
    let listed = prints(&["ps", "--format", "{{.Ports}}"]);
    assert_eq!(listed, format!("{}->80/tcp\n", port.trim()));
    let address = port.trim();
    // The program's server may come up a moment later.
    let ask = "until wget -qO- http://127.0.0.1/; do :; done";
    prints(&["exec", "one", "sh", "-c", ask]);
    let answer = testkit::http_request(address, "GET", "/index.html", &[], &[]);
    assert_eq!(answer.body, b"from inside\n");
    // Who has a port keeps it, and who wants it hears so.
    let wanted = format!("{address}:80");
    let refused = wharf(&["run", "--publish", &wanted, "busybox", "true"]);
    let said = refused.run().exits_with(125).error_text();
    assert!(said.contains("address already in use"), "{said}");
    prints(&["rm", "--force", "one"]);
}

// dpkg makes files that nobody may open, gives them away, and opens them at last.
#[test]
fn an_ordinary_user_keeps_what_is_closed_to_its_owner() {
    let Some(containers) = store_of_nobody() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let script = "umask 777; echo a >/data/opened; umask 22; chown 5:6 /data/opened; chmod 640 /data/opened; \
        echo b >/data/closed; chmod 0 /data/closed; mkdir /data/dark; echo c >/data/dark/file; chmod 0 /data/dark";
    let run = ["run", "--name", "one", "--network", "none"];
    let words = [&run[..], &["busybox", "sh", "-c", script]].concat();
    wharf(sandbox, &words).run().success();
    wharf(sandbox, &["commit", "one", "made"]).run().success();
    let file = "FROM made\nRUN cat /data/opened /data/closed /data/dark/file >/data/all\nFROM scratch\n\
        COPY --from=0 /data /data\n";
    let build = wharf(
        sandbox,
        &["build", "--network", "none", "--tag", "built", "-"],
    );
    build.input(file).run().success();
    wharf(sandbox, &["create", "--name", "two", "built", "none"])
        .run()
        .success();
    for exported in ["one", "two"] {
        let shown = owners(sandbox, &["export", exported]);
        for line in [
            "-rw-r----- 5/6 data/opened",
            "---------- 0/0 data/closed",
            "d--------- 0/0 data/dark/",
            "-rw-r--r-- 0/0 data/dark/file",
        ] {
            assert!(shown.iter().any(|shown| shown == line), "{line}: {shown:?}");
        }
    }
    for words in [
        &["cp", "one:/data/dark", "-"][..],
        &["rm", "one", "two"],
        &["rmi", "made", "built"],
        &["system", "prune", "--all", "--force"],
    ] {
        wharf(sandbox, words).run().success();
    }
    let left = sandbox.root().join("removing").read_dir();
    assert_eq!(left.expect("a folder of the store").count(), 0);
}
