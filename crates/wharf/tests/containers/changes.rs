//! What containers change: `diff`, `commit`, `export`.

use crate::fixture::Containers;

const SCRIPT: &str = "echo new > /data/new; echo more >> /data/seed; rm /etc/group; mkdir /made; \
    ln -s /data /made/link; rm -r /home/ann; mkdir /home/ann; chown 1000:1000 /data/new";

fn changed() -> Option<Containers> {
    let containers = Containers::new()?.imported();
    let run = [
        "run",
        "--name",
        "one",
        "--network",
        "none",
        "-v",
        "kept:/volume",
    ];
    containers.prints(run.into_iter().chain(["busybox", "sh", "-c", SCRIPT]));
    Some(containers)
}

#[test]
fn privileged_diff_tells_what_the_container_did_itself() {
    let Some(containers) = changed() else { return };
    assert_eq!(
        containers.prints(["diff", "one"]),
        "C /data\nA /data/new\nC /data/seed\nC /etc\nD /etc/group\nC /home\nC /home/ann\nA /made\nA /made/link"
    );
    containers.prints([
        "run",
        "--name",
        "two",
        "--network",
        "none",
        "busybox",
        "true",
    ]);
    assert_eq!(containers.prints(["container", "diff", "two"]), "");
    let refused = containers
        .wharf(["diff", "none"])
        .run()
        .exits_with(1)
        .error_text();
    assert_eq!(
        refused,
        "Error response from daemon: No such container: none\n"
    );
}

#[test]
fn privileged_commit_makes_an_image_upon_the_other() {
    let Some(containers) = changed() else { return };
    let words = [
        "commit",
        "--author",
        "Ann",
        "--message",
        "why",
        "--change",
        "CMD [\"cat\", \"/data/new\"]",
        "--change",
        "ENV A=b",
        "one",
        "made:1",
    ];
    let id = containers.prints(words);
    assert!(id.starts_with("sha256:"), "{id}");
    let format =
        "{{.Id}} {{.Author}} {{.Comment}} {{.Config.Cmd}} {{.Parent}} {{len .RootFS.Layers}}";
    let parent = containers.prints(["image", "inspect", "-f", "{{.Id}}", "busybox"]);
    assert_eq!(
        containers.prints(["image", "inspect", "-f", format, "made:1"]),
        format!("{id} Ann why [cat /data/new] {parent} 2")
    );
    assert_eq!(
        containers.prints(["run", "--rm", "--network", "none", "made:1"]),
        "new"
    );
    let script = "stat -c '%u %g' /data/new; ls /home/ann /volume /etc/group 2>&1; echo $A";
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "made:1",
        "sh",
        "-c",
        script,
    ];
    let text = containers.prints(run);
    assert!(
        text.starts_with("1000 1000\n") && text.ends_with("\nb"),
        "{text}"
    );
    assert!(
        text.contains("/volume: No such file") && text.contains("/etc/group: No such file"),
        "{text}"
    );
    let saved = containers.wharf(["save", "made:1"]).run().success();
    assert!(!saved.text().is_empty());
    // Without changes there is no layer.
    containers.prints(["create", "--name", "same", "busybox"]);
    containers.prints(["commit", "same", "same"]);
    let format = "{{len .RootFS.Layers}}";
    assert_eq!(
        containers.prints(["image", "inspect", "-f", format, "same"]),
        "1"
    );
    for (words, expected) in [
        (
            &["commit", "none"][..],
            "Error response from daemon: No such container: none\n",
        ),
        (
            &["commit", "one", "A:b"],
            "invalid reference format: repository name (library/A) must be lowercase\n",
        ),
        (
            &["commit", "-c", "RUN x", "one"],
            "Error response from daemon: run is not a valid change command\n",
        ),
    ] {
        let refused = containers
            .wharf(words.iter().copied())
            .run()
            .exits_with(1)
            .error_text();
        assert_eq!(refused, expected, "{words:?}");
    }
}

#[test]
fn privileged_a_container_that_runs_is_held_while_it_is_committed() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "echo x > /x; sleep 100";
    containers.prints([
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
    let wait = "while [ ! -s /x ]; do :; done";
    containers.prints(["exec", "one", "sh", "-c", wait]);
    containers.prints(["commit", "one", "made"]);
    let format = "{{.State.Status}}";
    assert_eq!(
        containers.prints(["inspect", "-f", format, "one"]),
        "running"
    );
    let run = ["run", "--rm", "--network", "none", "made", "cat", "/x"];
    assert_eq!(containers.prints(run), "x");
}

#[test]
fn privileged_export_gives_all_files() {
    let Some(containers) = changed() else { return };
    let archive = containers.sandbox.work().join("one.tar");
    containers
        .wharf(["export", "--output"])
        .arg(&archive)
        .arg("one")
        .run()
        .success();
    let listed = std::process::Command::new("tar")
        .arg("-tf")
        .arg(&archive)
        .output()
        .unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let has = |name: &str| names.lines().any(|line| line == name);
    assert!(
        has("data/new") && has("bin/busybox") && has("made/link") && has("home/ann/"),
        "{names}"
    );
    assert!(!has("etc/group") && !names.contains(".wh."), "{names}");
    let piped = containers.wharf(["export", "one"]).run().success();
    assert!(piped.text().contains("data/new"));
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let root = containers.sandbox.work().display().to_string();
    assert!(!mounts.contains(&root), "{mounts}");
}
