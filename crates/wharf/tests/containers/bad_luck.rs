//! Disks that fill up, and terminals that change under a container.

use std::process::{Command, Stdio};

use testkit::skip;

use crate::fixture::Containers;

/// The whole store on a disk of its own, which is small: in a mount namespace, so that it goes with the script.
#[test]
fn privileged_a_full_disk_ends_nobody_and_leaves_no_half_things() {
    let Some(containers) = Containers::new() else {
        return;
    };
    let sandbox = &containers.sandbox;
    let root = sandbox.root().display().to_string();
    std::fs::create_dir_all(&root).unwrap();
    let script = r#"
        mount -t tmpfs -o size=16m tmpfs "$1" || exit 90
        # Nobody else sees this store: what is left in it would run for ever.
        trap '"$2" ps -aq | xargs -r "$2" rm -f >/dev/null' EXIT
        "$2" import busybox.tar busybox >/dev/null || exit 91
        mkdir shared
        "$2" run -d --name talks --network none -v "$PWD/shared:/w" busybox \
            sh -c 'until [ -e /w/go ]; do sleep 0.05; done; yes | head -c 3000000; exit 7' >/dev/null || exit 92
        # What it writes fails inside, with the words of the kernel.
        "$2" run --name writes --network none busybox dd if=/dev/zero of=/big bs=1M 2> said && exit 93
        grep -q 'No space left on device' said || exit 94
        # No container without its record, and none of its name.
        "$2" create --name late busybox true 2> refused && exit 95
        grep -qi 'no space .*left' refused || { cat refused >&2; exit 86; }
        # What it says is lost where it cannot be kept, and it goes on to its end.
        touch shared/go
        test "$("$2" wait talks)" = 7 || exit 85
        test "$("$2" inspect --format '{{.State.Status}} {{.State.ExitCode}}' talks)" = 'exited 7' || exit 83
        # No image without all of its layer.
        "$2" commit writes made 2> refused && exit 96
        grep -qi 'no space .*left' refused || { cat refused >&2; exit 97; }
        test "$("$2" images --format '{{.Repository}}')" = busybox || exit 98
        # What goes makes room.
        test "$("$2" ps -a --format "{{.Names}}" | sort | tr "\n" " ")" = "talks writes " || exit 84
        "$2" rm writes talks >/dev/null || exit 99
        "$2" run --rm --network none busybox true || exit 89
        "$2" system check >/dev/null || exit 88
        test -z "$("$2" ps -aq)" || exit 87
    "#;
    let binary = sandbox.wharf_binary().display().to_string();
    let words = ["--mount", "sh", "-c", script, "sh", &root, &binary];
    sandbox.program("unshare").args(words).run().success();
}

#[test]
fn privileged_a_terminal_that_changes_its_size_changes_it_inside() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let work = containers.sandbox.work().join("shared");
    std::fs::create_dir(&work).unwrap();
    let inside =
        "trap \"busybox stty size; exit 5\" WINCH; touch /w/ready; while :; do sleep 0.05; done";
    let line = format!(
        "stty rows 20 cols 50; (until [ -e {work}/ready ]; do sleep 0.05; done; stty rows 40 cols 90 </dev/tty) & \
         {wharf} run --rm -it --network none -v {work}:/w busybox sh -c '{inside}'",
        work = work.display(),
        wharf = containers.sandbox.wharf_binary().display(),
    );
    let Some((text, code)) = on_a_terminal(&containers, &line) else {
        return;
    };
    assert_eq!(text, "40 90\n");
    assert_eq!(code, Some(5));
}

/// What the line shows on a terminal, and the code it ends with. `None`, said aloud, where there is no `script`.
pub(crate) fn on_a_terminal(containers: &Containers, line: &str) -> Option<(String, Option<i32>)> {
    let mut script = Command::new("script");
    script.args(["-qec", line, "/dev/null"]).env_clear();
    script
        .envs(containers.sandbox.environment())
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    // Its input stays open: what ends it would go to the container as well.
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut child) = script.spawn() else {
        skip("there is no `script`");
        return None;
    };
    let input = child.stdin.take();
    let output = child.wait_with_output().expect("what it shows");
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    Some((text, output.status.code()))
}
