//! Machines that this one is not: with version 1 alone, and with programs about devices where version 1 has a controller for them.

use std::process::{Child, Command, Stdio};

use super::hierarchies::{Controller, Hierarchies};
use super::{Cgroup, DeviceRule, Resources};

/// Nothing where it cannot be tried, which is said.
fn machine(test: &str) -> Option<Hierarchies> {
    if !rustix::process::geteuid().is_root() {
        println!("SKIPPED {test}: cgroups belong to root");
        return None;
    }
    Hierarchies::find().ok()
}

fn run(cgroup: &Cgroup, script: &str) -> Child {
    let mut child = Command::new("/bin/sh")
        .args(["-c", &format!("read go; {script}")])
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    cgroup.add(child.id()).unwrap();
    drop(child.stdin.take());
    child
}

#[test]
fn privileged_version_one_alone_freezes_counts_and_kills() {
    let test = "privileged_version_one_alone_freezes_counts_and_kills";
    let Some(mut hierarchies) = machine(test) else {
        return;
    };
    hierarchies.version2 = None;
    if !hierarchies.version1.contains_key(&Controller::Freezer) {
        println!("SKIPPED {test}: no freezer of version 1");
        return;
    }
    let name = format!("wharf-test/one-{}", std::process::id());
    let resources = Resources {
        pids_limit: Some(200),
        ..Resources::default()
    };
    let cgroup = Cgroup::create(&hierarchies, &name, &resources)
        .unwrap()
        .cgroup;
    let mut child = run(
        &cgroup,
        "bomb() { while :; do (bomb) & (bomb) & done; }; bomb",
    );
    while cgroup.stats().pids_current < Some(150) {
        std::thread::yield_now();
    }
    let frozen = cgroup.freeze();
    let is_frozen = cgroup.is_frozen();
    let stats = cgroup.stats();
    let killed = cgroup.kill_all();
    child.wait().unwrap();
    let left = cgroup.processes();
    let removed = cgroup.remove();
    frozen.unwrap();
    killed.unwrap();
    removed.unwrap();
    assert!(is_frozen && left.is_empty());
    assert!(
        stats.cpu_total_ns > Some(0)
            && stats.cpu_user_ns.is_some()
            && stats.block_read_bytes.is_some()
    );
}

#[test]
fn privileged_version_two_refuses_devices_by_a_program() {
    let test = "privileged_version_two_refuses_devices_by_a_program";
    let Some(mut hierarchies) = machine(test) else {
        return;
    };
    hierarchies.version1.clear();
    if hierarchies.version2.is_none() {
        println!("SKIPPED {test}: no version 2");
        return;
    }
    let name = format!("wharf-test/two-{}", std::process::id());
    let resources = Resources {
        devices: Some(DeviceRule::docker_default()),
        ..Resources::default()
    };
    let created = Cgroup::create(&hierarchies, &name, &resources).unwrap();
    let mut child = run(
        &created.cgroup,
        "head -c 1 /dev/urandom >/dev/null || exit 1; head -c 1 /dev/kmsg && exit 2; exit 0",
    );
    let status = child.wait().unwrap();
    created.cgroup.remove().unwrap();
    assert!(created.devices_limited);
    assert_eq!(status.code(), Some(0));
    assert!(std::fs::File::open("/dev/kmsg").is_ok());
}
