//! Processes of Wharf that are killed between any two of their steps: what later commands find, and what is left in the end.

use testkit::{Output, Peer};

use crate::fixture::Containers;

/// Calls that change something, or tell somebody something.
const CALLS: &str = "openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,pwrite64,write,fsync,fdatasync,flock,clone,clone3,vfork,connect,sendto,sendmsg,recvmsg,execve,setns,bind,listen,mount,move_mount,fsmount,unshare,pivot_root,ftruncate,linkat,symlinkat,fchmod";
/// Commands that have more calls than that do not end.
const CALLS_LIMIT: usize = 2000;

/// Runs the words, and kills each of their processes at its call of that number.
///
/// strace is no parent of theirs (`-D`): a container that they start lives on, and is watched as long.
fn killed_at(containers: &Containers, call: usize, words: &[&str]) -> Output {
    let shell = containers.sandbox.program("sh");
    shell
        .args(["-c", "exec strace \"$@\" >/dev/null 2>&1", "sh"])
        .args(["-D", "-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-e")
        .arg(format!("inject={CALLS}:signal=SIGKILL:when={call}"))
        .arg(containers.sandbox.wharf_binary())
        .args(words)
        .run()
}

/// Runs the words, and kills the monitor of the container `one` at its call of that number from now on. Whether it lived that long.
fn monitor_killed_at(containers: &Containers, call: usize, words: &[&str]) -> bool {
    let process = containers.prints(["inspect", "-f", "{{.State.Pid}}", "one"]);
    let monitor = status_of(&process, "PPid");
    let said = containers.sandbox.work().join("strace");
    let strace = containers.sandbox.program("strace");
    let mut strace = strace
        .args(["-q", "-o"])
        .arg(&said)
        .arg("-e")
        .arg(format!("trace={CALLS}"))
        .arg("-e")
        .arg(format!("inject={CALLS}:signal=SIGKILL:when={call}"))
        .args(["-p", &monitor])
        .spawn();
    let is_watched = || status_of(&monitor, "TracerPid") != "0";
    assert!(is_true_soon(is_watched), "strace does not watch");
    // It may be killed before it has answered.
    containers.wharf(words.iter().copied()).run();
    strace.wait().expect("strace ends with whom it watches");
    let said = std::fs::read_to_string(said).expect("what strace says");
    !said.contains("+++ killed by SIGKILL +++")
}

/// A field of what the kernel says of a process.
pub(crate) fn status_of(process: &str, key: &str) -> String {
    let path = format!("/proc/{process}/status");
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap_or_default()
        .trim_start_matches(':')
        .trim()
        .to_owned()
}

/// Whether that becomes true before a test has waited for too long.
fn is_true_soon(mut is_true: impl FnMut() -> bool) -> bool {
    let begun = std::time::Instant::now();
    while !is_true() {
        if begun.elapsed() > std::time::Duration::from_mins(1) {
            return false;
        }
        crate::life::pause();
    }
    true
}

/// What is done each time.
struct Sweep<'a> {
    /// Of the network `web`.
    subnet: &'a str,
    /// How many calls lie between two deaths.
    stride: usize,
    /// What makes the container, if it has to be there.
    before: &'a [&'a str],
    /// What is killed.
    words: &'a [&'a str],
    /// What must work then.
    after: fn(&Containers, usize),
}

impl Sweep<'_> {
    /// Kills the words at every so manieth call, and looks after each time.
    fn kill_commands(&self) {
        self.kill(|containers, call| killed_at(containers, call, self.words).code == 0);
    }

    /// Kills the monitor that does what the words ask for.
    fn kill_monitors(&self) {
        self.kill(|containers, call| monitor_killed_at(containers, call, self.words));
    }

    fn kill(&self, is_whole: impl Fn(&Containers, usize) -> bool) {
        if Peer::Strace.installed().is_none() {
            return;
        }
        let Some(containers) = Containers::new().map(Containers::imported) else {
            return;
        };
        containers.prints(["network", "create", "--subnet", self.subnet, "web"]);
        for call in (1..CALLS_LIMIT).step_by(self.stride) {
            if !self.before.is_empty() {
                containers.prints(self.before.iter().copied());
            }
            let is_whole = is_whole(&containers, call);
            (self.after)(&containers, call);
            look(&containers, call);
            if is_whole {
                assert!(call > self.stride, "{:?} was never killed", self.words);
                return;
            }
        }
        panic!("{:?} does not end", self.words);
    }
}

fn nothing(_: &Containers, _: usize) {}

/// Who was killed starting is started, whether they run already or not.
fn starts(containers: &Containers, call: usize) {
    containers.prints(["start", "one"]);
    runs(containers, call);
}

fn restarts(containers: &Containers, call: usize) {
    containers.prints(["restart", "--timeout", "0", "one"]);
    runs(containers, call);
}

fn runs(containers: &Containers, call: usize) {
    let state = containers.prints(["inspect", "-f", "{{.State.Status}}", "one"]);
    assert_eq!(state, "running", "{call}");
    assert_eq!(
        containers.prints(["exec", "one", "echo", "in it"]),
        "in it",
        "{call}"
    );
}

fn stops(containers: &Containers, call: usize) {
    containers.prints(["stop", "--timeout", "0", "one"]);
    let format = "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}";
    let state = containers.prints(["inspect", "-f", format, "one"]);
    assert_eq!(state, "exited 137 0", "{call}");
}

/// What everybody finds afterwards.
fn look(containers: &Containers, call: usize) {
    let found = containers.prints(["ps", "--all", "--format", "{{.Names}}"]);
    assert!(matches!(found.as_str(), "" | "one"), "{call}: {found}");
    if found == "one" {
        containers.prints(["rm", "--force", "--volumes", "one"]);
    }
    containers.prints(["container", "prune", "--force"]);
    // Volumes without a name go with their container, however far it was.
    let left = containers.prints(["volume", "ls", "--quiet"]);
    assert!(matches!(left.as_str(), "" | "kept"), "{call}: {left}");
    let left = names_in(&containers.sandbox.root().join("volumes"));
    let known = |name: &String| matches!(name.as_str(), "lock" | "kept");
    assert!(left.iter().all(known), "{call}: {left:?}");
    let left = names_in(&containers.sandbox.root().join("containers"));
    assert!(left.is_empty(), "{call}: {left:?}");
    // The next one can have everything that the dead one had.
    let again = ["run", "--rm", "--name", "one", "--network", "web"];
    let same = ["--ip", "10.213.61.2", "busybox", "true"];
    let same = if containers
        .prints(["network", "inspect", "web"])
        .contains("10.213.61.0")
    {
        &same[..]
    } else {
        &same[2..]
    };
    containers.prints([&again[..], same].concat());
    let path = containers.sandbox.root().join("networks/networks.json");
    let state = std::fs::read_to_string(path).expect("the networks");
    assert!(!state.contains("host_device"), "{call}: {state}");
    let mounts = std::fs::read_to_string("/proc/mounts").expect("the mounts");
    let root = containers.sandbox.root().display().to_string();
    assert!(!mounts.contains(&root), "{call}: {mounts}");
}

fn names_in(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

/// A container that runs until it is ended, with everything that must not be left of it.
const SLEEPER: [&str; 13] = [
    "run",
    "-d",
    "--name",
    "one",
    "--network",
    "web",
    "-p",
    "127.0.0.1::80",
    "-v",
    "/anonymous",
    "busybox",
    "sleep",
    "1000",
];

#[test]
fn privileged_create_is_killed() {
    let words = [
        "create",
        "--name",
        "one",
        "--network",
        "web",
        "-v",
        "kept:/v",
        "-v",
        "/anonymous",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "true",
    ];
    Sweep {
        subnet: "10.213.60.0/24",
        stride: 3,
        before: &[],
        words: &words,
        after: nothing,
    }
    .kill_commands();
}

#[test]
fn privileged_run_is_killed_and_its_monitor() {
    let words = [
        "run",
        "--rm",
        "--name",
        "one",
        "--network",
        "web",
        "--ip",
        "10.213.61.2",
        "-v",
        "/anonymous",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "true",
    ];
    Sweep {
        subnet: "10.213.61.0/24",
        stride: 7,
        before: &[],
        words: &words,
        after: nothing,
    }
    .kill_commands();
}

#[test]
fn privileged_rm_is_killed() {
    Sweep {
        subnet: "10.213.62.0/24",
        stride: 5,
        before: &SLEEPER,
        words: &["rm", "--force", "--volumes", "one"],
        after: nothing,
    }
    .kill_commands();
}

#[test]
fn privileged_start_is_killed_and_its_monitor() {
    let mut create = SLEEPER;
    create[..2].copy_from_slice(&["create", "--init"]);
    Sweep {
        subnet: "10.213.63.0/24",
        stride: 7,
        before: &create,
        words: &["start", "one"],
        after: starts,
    }
    .kill_commands();
}

#[test]
fn privileged_stop_is_killed() {
    Sweep {
        subnet: "10.213.64.0/24",
        stride: 2,
        before: &SLEEPER,
        words: &["stop", "--timeout", "0", "one"],
        after: stops,
    }
    .kill_commands();
}

#[test]
fn privileged_a_monitor_is_killed_that_stops() {
    Sweep {
        subnet: "10.213.65.0/24",
        stride: 1,
        before: &SLEEPER,
        words: &["stop", "--timeout", "0", "one"],
        after: stops,
    }
    .kill_monitors();
}

#[test]
fn privileged_kill_is_killed() {
    Sweep {
        subnet: "10.213.66.0/24",
        stride: 2,
        before: &SLEEPER,
        words: &["kill", "one"],
        after: stops,
    }
    .kill_commands();
}

#[test]
fn privileged_restart_is_killed_and_its_monitor() {
    Sweep {
        subnet: "10.213.67.0/24",
        stride: 7,
        before: &SLEEPER,
        words: &["restart", "--timeout", "0", "one"],
        after: restarts,
    }
    .kill_commands();
}

#[test]
fn privileged_disconnecting_is_killed() {
    Sweep {
        subnet: "10.213.68.0/24",
        stride: 3,
        before: &SLEEPER,
        words: &["network", "disconnect", "web", "one"],
        after: restarts,
    }
    .kill_commands();
}

#[test]
fn privileged_connecting_is_killed() {
    Sweep {
        subnet: "10.213.69.0/24",
        stride: 3,
        before: &SLEEPER,
        words: &["network", "connect", "bridge", "one"],
        after: restarts,
    }
    .kill_commands();
}
