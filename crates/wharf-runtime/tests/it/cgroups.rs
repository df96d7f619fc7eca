//! Groups of this machine, whichever versions it has.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use wharf_runtime::cgroups::{Cgroup, CgroupError, DeviceRule, Hierarchies, Resources};

use crate::is_root;

/// A group of its own for a test, and the processes in it; gone with the test, however it ends.
struct Group {
    cgroup: Cgroup,
    warnings: Vec<String>,
    devices_limited: bool,
    hierarchies: Hierarchies,
    children: Vec<Child>,
}

impl Group {
    /// Nothing where this user has no groups, which is said.
    fn new(test: &str, resources: &str) -> Option<Self> {
        if !is_root(test) {
            return None;
        }
        let hierarchies = Hierarchies::find().unwrap();
        let name = format!("wharf-test/{test}-{}", std::process::id());
        let resources: Resources = serde_json::from_str(resources).unwrap();
        let created = Cgroup::create(&hierarchies, &name, &resources).unwrap();
        if created.cgroup.is_empty() {
            println!(
                "SKIPPED {test}: no cgroup can be made here: {:?}",
                created.warnings
            );
            return None;
        }
        Some(Self {
            cgroup: created.cgroup,
            warnings: created.warnings,
            devices_limited: created.devices_limited,
            hierarchies,
            children: Vec::new(),
        })
    }

    /// Runs a script in the group: it waits for a line before it begins.
    fn run(&mut self, script: &str) -> &mut Child {
        let child = Command::new("/bin/sh")
            .args(["-c", &format!("read go; {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        self.cgroup.add(child.id()).unwrap();
        self.children.push(child);
        let child = self.children.last_mut().unwrap();
        drop(child.stdin.take());
        child
    }

    /// What a script says, with how it ended.
    fn output(&mut self, script: &str) -> (String, Option<i32>) {
        self.run(script);
        let output = self.children.pop().unwrap().wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.code())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.cgroup.kill_all());
        for child in &mut self.children {
            drop(child.wait());
        }
        if let Err(error) = self.cgroup.remove() {
            eprintln!("{error}");
        }
    }
}

/// Waits until something is so.
fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn privileged_a_group_is_made_found_again_and_removed() {
    let test = "found";
    let Some(mut group) = Group::new(test, r#"{"memory": 67108864, "pids_limit": 50}"#) else {
        return;
    };
    let pid = group.run("exec sleep 1000").id();
    let kept = serde_json::to_string(&group.cgroup).unwrap();
    let again: Cgroup = serde_json::from_str(&kept).unwrap();
    assert_eq!(again, group.cgroup);
    assert!(again.processes().contains(&pid));
    let stats = again.stats();
    assert_eq!(stats.memory_limit_bytes, Some(67_108_864));
    assert_eq!(stats.pids_limit, Some(50));
    assert!(stats.pids_current >= Some(1) && stats.cpu_total_ns.is_some());
    assert!(stats.memory_usage_bytes.is_some() && stats.memory_inactive_file_bytes.is_some());
    assert_eq!(again.oom_kills(), Some(0));
    // A second of that name is refused while something runs in it; afterwards what is left is taken over.
    let name = format!("wharf-test/{test}-{}", std::process::id());
    let twice = Cgroup::create(&group.hierarchies, &name, &Resources::default());
    assert!(matches!(twice, Err(CgroupError::InUse { .. })), "{twice:?}");
    assert!(again.processes().contains(&pid), "the group is still there");
    again.kill_all().unwrap();
    group.children.pop().unwrap().wait().unwrap();
    let taken = Cgroup::create(&group.hierarchies, &name, &Resources::default()).unwrap();
    assert_eq!(taken.cgroup.stats().pids_limit, None, "old limits are gone");
    again.remove().unwrap();
    again.remove().unwrap();
    assert!(
        again
            .version2_folder()
            .is_none_or(|folder| !folder.exists())
    );
}

#[test]
fn privileged_limits_hold_and_change() {
    let Some(mut group) = Group::new("limits", r#"{"pids_limit": 4, "cpu_shares": 512}"#) else {
        return;
    };
    assert!(group.warnings.is_empty(), "{:?}", group.warnings);
    let forks = "for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait; echo all";
    let (text, _) = group.output(forks);
    assert!(text.contains("fork") && !text.contains("all"), "{text:?}");
    let more = Resources {
        pids_limit: Some(100),
        nano_cpus: Some(500_000_000),
        cpuset_cpus: Some("0".to_owned()),
        ..Resources::default()
    };
    let hierarchies = group.hierarchies.clone();
    let running = group.run("exec sleep 1000").id();
    assert_eq!(
        group.cgroup.update(&hierarchies, &more).unwrap(),
        Vec::<String>::new()
    );
    let (text, _) = group.output(forks);
    assert!(text.contains("all"), "{text:?}");
    let allowed = std::fs::read_to_string(format!("/proc/{running}/status")).unwrap();
    assert!(
        allowed.contains("Cpus_allowed_list:\t0\n"),
        "who ran before is held as well: {allowed}"
    );
    // Down and up again: memory and swap depend on each other.
    for bytes in [64 << 20, 16 << 20, 128 << 20] {
        let memory = Resources {
            memory: Some(bytes),
            ..Resources::default()
        };
        let warnings = group.cgroup.update(&hierarchies, &memory).unwrap();
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(
            group.cgroup.stats().memory_limit_bytes,
            u64::try_from(bytes).ok()
        );
    }
    let nonsense = Resources {
        cpuset_cpus: Some("4000".to_owned()),
        ..Resources::default()
    };
    let refused = group.cgroup.update(&hierarchies, &nonsense);
    assert!(
        matches!(refused, Err(CgroupError::Kernel { .. })),
        "{refused:?}"
    );
}

#[test]
fn privileged_who_takes_too_much_memory_is_killed_and_counted() {
    let Some(mut group) = Group::new("oom", r#"{"memory": 8388608, "memory_swap": 8388608}"#)
    else {
        return;
    };
    let (_, code) =
        group.output("exec head -c 200000000 /dev/zero | tail -c 100000000 >/dev/null; exit 7");
    assert_eq!(code, Some(7));
    assert!(
        group.cgroup.oom_kills() >= Some(1),
        "{:?}",
        group.cgroup.oom_kills()
    );
}

#[test]
fn privileged_frozen_processes_stand_still() {
    let Some(mut group) = Group::new("frozen", "{}") else {
        return;
    };
    let child = group.run("while :; do echo x; done");
    let mut stdout = child.stdout.take().unwrap();
    rustix::io::ioctl_fionbio(&stdout, true).unwrap();
    let mut drain = move || {
        let mut bytes = [0; 4096];
        let mut sum = 0;
        // More than a pipe holds, and not for ever while it writes.
        for _ in 0..64 {
            sum += stdout.read(&mut bytes).unwrap_or(0);
        }
        sum
    };
    eventually("it writes", || drain() > 0);
    group.cgroup.freeze().unwrap();
    assert!(group.cgroup.is_frozen());
    drain();
    let used = group.cgroup.stats().cpu_total_ns;
    let until = Instant::now() + Duration::from_millis(60);
    eventually("time goes by", || Instant::now() > until);
    assert_eq!(drain(), 0, "it wrote while it was frozen");
    // The kernel counts the last moments before they stood still a little later.
    let since = group.cgroup.stats().cpu_total_ns.unwrap() - used.unwrap();
    assert!(
        since < 20_000_000,
        "they worked for {since} ns while they were frozen"
    );
    group.cgroup.thaw().unwrap();
    assert!(!group.cgroup.is_frozen());
    eventually("it writes again", || drain() > 0);
    // Frozen ones die, too.
    group.cgroup.freeze().unwrap();
    group.cgroup.kill_all().unwrap();
    assert_eq!(group.cgroup.processes(), BTreeSet::new());
}

#[test]
fn privileged_a_fork_bomb_is_killed() {
    let Some(mut group) = Group::new("bomb", r#"{"pids_limit": 300}"#) else {
        return;
    };
    // Each makes two more for ever, until the limit; what fails is tried again.
    group.run("bomb() { while :; do (bomb) & (bomb) & done 2>/dev/null; }; bomb");
    eventually("it fills the group", || {
        group.cgroup.stats().pids_current >= Some(250)
    });
    let begun = Instant::now();
    group.cgroup.kill_all().unwrap();
    assert_eq!(group.cgroup.processes(), BTreeSet::new());
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn privileged_devices_are_refused() {
    let rules = serde_json::to_string(&DeviceRule::docker_default()).unwrap();
    let Some(mut group) = Group::new("devices", &format!(r#"{{"devices": {rules}}}"#)) else {
        return;
    };
    assert!(group.devices_limited);
    let script = "head -c 1 /dev/zero | wc -c; head -c 1 /dev/kmsg";
    let (text, code) = group.output(script);
    assert!(
        text.starts_with("1\n") && text.contains("Operation not permitted"),
        "{text:?}"
    );
    assert_ne!(code, Some(0));
    // The same open works outside: it is the group that refuses.
    assert!(File::open("/dev/kmsg").is_ok());
}

#[test]
fn privileged_what_a_container_nested_is_removed() {
    let Some(group) = Group::new("nested", "{}") else {
        return;
    };
    let folders: Vec<_> = [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/unified",
    ]
    .iter()
    .map(|mount| Path::new(mount).join(format!("wharf-test/nested-{}", std::process::id())))
    .filter(|folder| folder.exists())
    .collect();
    assert!(!folders.is_empty());
    for folder in &folders {
        std::fs::create_dir_all(folder.join("a/b")).unwrap();
        std::fs::create_dir(folder.join("c")).unwrap();
    }
    group.cgroup.remove().unwrap();
    assert!(folders.iter().all(|folder| !folder.exists()));
}

#[test]
fn a_name_does_not_lead_elsewhere() {
    let hierarchies = Hierarchies::default();
    for name in ["", "/", "a//b", "../x", "a/../b", ".", "a b", "a\nb", "ä"] {
        let made = Cgroup::create(&hierarchies, name, &Resources::default());
        assert!(matches!(made, Err(CgroupError::Name { .. })), "{name:?}");
    }
}

// An ordinary user without a delegated group: everything is said, nothing fails, and the caller learns to do without.
#[test]
fn without_groups_every_limit_is_a_warning() {
    let resources = r#"{"memory": 67108864, "pids_limit": 5, "nano_cpus": 1, "oom_kill_disable": true, "devices": []}"#;
    let resources: Resources = serde_json::from_str(resources).unwrap();
    let made = Cgroup::create(&Hierarchies::default(), "wharf/x", &resources).unwrap();
    let said = made.warnings.join("\n");
    assert!(!said.contains("swap"), "{said}");
    for part in [
        "memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
        "PIDs limit discarded.",
        "CPU period/quota discarded.",
        "OomKillDisable discarded.",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(made.cgroup.is_empty() && !made.devices_limited);
    assert!(matches!(
        made.cgroup.freeze(),
        Err(CgroupError::Unsupported { .. })
    ));
    assert!(matches!(
        made.cgroup.kill_all(),
        Err(CgroupError::Unsupported { .. })
    ));
    made.cgroup.add(std::process::id()).unwrap();
    made.cgroup.remove().unwrap();
}
