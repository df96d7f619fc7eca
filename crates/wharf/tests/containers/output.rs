//! Logs and terminals.

use std::process::{Command, Stdio};

use crate::fixture::Containers;
use crate::life::{pause, wait_for_log};

#[test]
fn privileged_logs_are_kept_cut_and_followed() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "seq 1 5; echo wrong >&2; sleep 0.3; echo last";
    containers.prints([
        "run",
        "-d",
        "--name",
        "talker",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    let followed = containers
        .wharf(["logs", "--follow", "talker"])
        .run()
        .success();
    assert_eq!(followed.text(), "1\n2\n3\n4\n5\nlast\n");
    assert_eq!(followed.error_text(), "wrong\n");
    assert_eq!(containers.prints(["logs", "--tail", "2", "talker"]), "last");
    assert_eq!(containers.prints(["logs", "-n", "0", "talker"]), "");
    let stamped = containers.prints(["logs", "-t", "-n", "1", "talker"]);
    let (time, text) = stamped.split_once(' ').unwrap();
    assert!(
        text == "last" && time.len() == 30 && time.ends_with('Z'),
        "{stamped}"
    );
    assert_eq!(
        containers.prints(["logs", "--since", time, "talker"]),
        "last"
    );
    assert_eq!(containers.prints(["logs", "--until", "1h", "talker"]), "");
}

#[test]
fn privileged_long_logs_are_put_away() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let options = ["--log-opt", "max-size=20k", "--log-opt", "max-file=3"];
    let words = ["run", "-d", "--name", "talker", "--network", "none"]
        .iter()
        .chain(&options)
        .copied();
    let id = containers.prints(words.chain(["busybox", "sh", "-c", "seq 1 5000; echo end"]));
    containers.prints(["wait", "talker"]);
    let folder = containers.sandbox.root().join("containers").join(id);
    let bytes: u64 = ["log.json", "log.json.1", "log.json.2"]
        .iter()
        .map(|name| std::fs::metadata(folder.join(name)).unwrap().len())
        .sum();
    assert!(
        bytes <= 60 * 1024 && !folder.join("log.json.3").exists(),
        "{bytes}"
    );
    assert!(
        containers
            .prints(["logs", "talker"])
            .ends_with("\n5000\nend")
    );
    let none = [
        "run",
        "--name",
        "mute",
        "--log-driver",
        "none",
        "--network",
        "none",
        "busybox",
        "echo",
        "said",
    ];
    assert_eq!(containers.prints(none), "said");
    let refused = containers
        .wharf(["logs", "mute"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.contains("configured logging driver does not support reading"),
        "{refused}"
    );
}

/// Far more than any limit, as fast as it comes: neither the files nor the monitor grow with it.
#[test]
fn privileged_a_flood_of_output_takes_no_more_than_its_files() {
    const LIMIT_BYTES: u64 = 3 << 20;
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let words = ["run", "-d", "--name", "flood", "--network", "none"];
    let options = ["--log-opt", "max-size=1m", "--log-opt", "max-file=3"];
    let script = "dd if=/dev/zero bs=1M count=200 2>/dev/null | tr '\\0' x; echo; echo over; exec sleep 1000";
    let shell = ["busybox", "sh", "-c", script];
    let id = containers.prints([&words[..], &options, &shell].concat());
    let folder = containers.sandbox.root().join("containers").join(id);
    let kept = || -> u64 {
        let entries = std::fs::read_dir(&folder).expect("the container's folder");
        let logs = entries.flatten().filter(|entry| {
            let name = entry.file_name();
            name.to_string_lossy().starts_with("log.json")
        });
        // One may be put away at this moment.
        logs.map(|log| log.metadata().map_or(0, |found| found.len()))
            .sum()
    };
    let begun = std::time::Instant::now();
    while containers.prints(["logs", "--tail", "1", "flood"]) != "over" {
        assert!(kept() <= LIMIT_BYTES, "{}", kept());
        assert!(begun.elapsed() < std::time::Duration::from_mins(5));
    }
    assert!(
        (LIMIT_BYTES / 2..=LIMIT_BYTES).contains(&kept()),
        "{}",
        kept()
    );
    let process = containers.prints(["inspect", "-f", "{{.State.Pid}}", "flood"]);
    let monitor = crate::crashes::status_of(&process, "PPid");
    let peak: u64 = crate::crashes::status_of(&monitor, "VmHWM")
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    assert!(peak < 200 << 10, "the monitor took {peak} kB");
}

#[test]
fn privileged_a_terminal_is_a_terminal() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    // `script` gives us a terminal of our own.
    let binary = containers.sandbox.wharf_binary();
    let line = format!(
        "stty rows 33 cols 77; {} run --rm -it --network none busybox sh -c 'tty; echo $TERM; busybox stty size'",
        binary.display()
    );
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env_clear();
    command
        .envs(containers.sandbox.environment())
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
    // Its input stays open: what ends it would go to the container as well.
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(child) = command.spawn() else {
        testkit::skip("there is no `script`");
        return;
    };
    let mut child = child;
    let input = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(input);
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert_eq!(text, "/dev/pts/0\nxterm\n33 77\n");
    let words = ["run", "--rm", "-it", "--network", "none", "busybox", "true"];
    let refused = containers.wharf(words).run().exits_with(1).error_text();
    assert!(
        refused.contains("the input device is not a TTY"),
        "{refused}"
    );
}

#[test]
fn privileged_attaching_shows_what_comes_from_now_on() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    let script = "echo early; read line; echo got $line; exit 4";
    containers.prints([
        "run",
        "-d",
        "-i",
        "--name",
        "listener",
        "--network",
        "none",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    wait_for_log(&containers, "listener", "early");
    let output = containers
        .wharf(["attach", "listener"])
        .input("word\n")
        .run()
        .exits_with(4);
    assert_eq!(output.text(), "got word\n");
    let again = containers.wharf(["start", "--attach", "--interactive", "listener"]);
    let output = again.input("again\n").run().exits_with(4);
    assert_eq!(output.text(), "early\ngot again\n");
    let refused = containers
        .wharf(["attach", "listener"])
        .run()
        .exits_with(1)
        .error_text();
    assert!(
        refused.contains("cannot attach to a stopped container, start it first"),
        "{refused}"
    );
    pause();
}
