//! Processes of Wharf that are killed between any two of their steps: what later commands find, and what is left in the end.

use testkit::{Output, Peer};

use crate::fixture::Containers;

/// Calls that change something, or tell somebody something.
const CALLS: &str = "openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,pwrite64,write,fsync,fdatasync,flock,clone,clone3,vfork,connect,sendto,sendmsg,recvmsg,execve,setns,bind,listen,mount,move_mount,fsmount,unshare,pivot_root,ftruncate,linkat,symlinkat,fchmod";
/// Commands that have more calls than that do not end.
const CALLS_LIMIT: usize = 2000;

/// Runs the words, and kills each of their processes at its call of that number.
fn killed_at(containers: &Containers, call: usize, words: &[&str]) -> Output {
    let strace = containers.sandbox.program("strace");
    strace
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={CALLS}"))
        .arg("-e")
        .arg(format!("inject={CALLS}:signal=SIGKILL:when={call}"))
        .arg(containers.sandbox.wharf_binary())
        .args(words)
        .run()
}

/// Kills the words at every `stride`th call, and looks after each time.
fn leaves_nothing(subnet: &str, stride: usize, before: &[&str], words: &[&str]) {
    if Peer::Strace.installed().is_none() {
        return;
    }
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    containers.prints(["network", "create", "--subnet", subnet, "web"]);
    for call in (1..CALLS_LIMIT).step_by(stride) {
        if !before.is_empty() {
            containers.prints(before.iter().copied());
        }
        let end = killed_at(&containers, call, words);
        look(&containers, call);
        if end.code == 0 {
            assert!(call > stride, "{words:?} was never killed");
            return;
        }
    }
    panic!("{words:?} does not end");
}

/// What everybody finds afterwards.
fn look(containers: &Containers, call: usize) {
    let found = containers.prints(["ps", "--all", "--format", "{{.Names}}"]);
    assert!(matches!(found.as_str(), "" | "one"), "{call}: {found}");
    if found == "one" {
        containers.prints(["rm", "--force", "--volumes", "one"]);
    }
    containers.prints(["container", "prune", "--force"]);
    // Volumes of a container that was half made are known, and can be cleared.
    containers.prints(["volume", "prune", "--force"]);
    let left = containers.prints(["volume", "ls", "--quiet"]);
    assert!(matches!(left.as_str(), "" | "kept"), "{call}: {left}");
    let folder = containers.sandbox.root().join("containers");
    let left: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| {
            let folders = entries.flatten().map(|entry| entry.path());
            folders.filter(|path| path.is_dir()).collect()
        })
        .unwrap_or_default();
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
    leaves_nothing("10.213.60.0/24", 3, &[], &words);
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
    leaves_nothing("10.213.61.0/24", 7, &[], &words);
}

#[test]
fn privileged_rm_is_killed() {
    let before = [
        "run",
        "-d",
        "--name",
        "one",
        "--network",
        "web",
        "-v",
        "/anonymous",
        "busybox",
        "sleep",
        "1000",
    ];
    leaves_nothing(
        "10.213.62.0/24",
        5,
        &before,
        &["rm", "--force", "--volumes", "one"],
    );
}
