//! From [`Resources`] to the kernel's files, in both versions.

use super::hierarchies::Controller;
use super::resources::{DeviceLimit, Resources};

/// One limit: the files that set it, and what is said if there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) controller: Controller,
    /// For people: "Memory limit".
    pub(super) what: &'static str,
    /// In version 1: files and values. The first that can be written of those separated by a bar.
    pub(super) version1: Vec<(&'static str, String)>,
    /// In version 2.
    pub(super) version2: Vec<(&'static str, String)>,
    /// Docker's words if the machine cannot do it (moby, `daemon/daemon_unix.go`).
    pub(super) discarded: &'static str,
}

/// What the limit on memory is called.
pub(super) const MEMORY: &str = "Memory limit";
/// And that on memory and swap together.
pub(super) const SWAP: &str = "Swap limit";

/// All that `resources` limits, in the order in which it can be set. Devices are apart.
pub(super) fn of(resources: &Resources) -> Vec<Limit> {
    let mut limits = Vec::new();
    memory(resources, &mut limits);
    processors(resources, &mut limits);
    if let Some(limit) = resources.pids_limit.filter(|limit| *limit != 0) {
        let value = without_limit_below(limit, 1, "max");
        limits.push(Limit {
            controller: Controller::Pids,
            what: "PIDs limit",
            version1: vec![("pids.max", value.clone())],
            version2: vec![("pids.max", value)],
            discarded: "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
        });
    }
    if let Some(weight) = resources.blkio_weight.filter(|weight| *weight != 0) {
        let wide = wide_weight(u64::from(weight));
        limits.push(Limit {
            controller: Controller::Io,
            what: "Block I/O weight",
            version1: vec![("blkio.weight|blkio.bfq.weight", weight.to_string())],
            version2: vec![("io.bfq.weight|io.weight", wide.to_string())],
            discarded: "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
        });
    }
    block_devices(resources, &mut limits);
    limits
}

/// 10 to 1000 becomes 1 to 10000, as runc has it.
fn wide_weight(weight: u64) -> u64 {
    1 + weight.saturating_sub(10) * 9999 / 990
}

fn block_devices(resources: &Resources, limits: &mut Vec<Limit>) {
    let files = |devices: &[DeviceLimit], file, value: &dyn Fn(u64) -> String| {
        let line = |limit: &DeviceLimit| {
            let device = format!("{}:{}", limit.major, limit.minor);
            (file, format!("{device} {}", value(limit.value)))
        };
        devices.iter().map(line).collect::<Vec<_>>()
    };
    let weights = &resources.blkio_weight_devices;
    if !weights.is_empty() {
        limits.push(Limit {
            controller: Controller::Io,
            what: "Block I/O weight of devices",
            version1: files(
                weights,
                "blkio.weight_device|blkio.bfq.weight_device",
                &|weight| weight.to_string(),
            ),
            version2: files(weights, "io.bfq.weight|io.weight", &|weight| {
                wide_weight(weight).to_string()
            }),
            discarded: "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
        });
    }
    let rates = [
        (
            &resources.read_bytes,
            (
                "Block I/O BPS read limit",
                "blkio.throttle.read_bps_device",
                "rbps",
            ),
            "Your kernel does not support BPS Block I/O read limit or the cgroup is not mounted. Block I/O BPS read limit discarded.",
        ),
        (
            &resources.write_bytes,
            (
                "Block I/O BPS write limit",
                "blkio.throttle.write_bps_device",
                "wbps",
            ),
            "Your kernel does not support BPS Block I/O write limit or the cgroup is not mounted. Block I/O BPS write limit discarded.",
        ),
        (
            &resources.read_operations,
            (
                "Block I/O IOPS read limit",
                "blkio.throttle.read_iops_device",
                "riops",
            ),
            "Your kernel does not support IOPS Block read limit or the cgroup is not mounted. Block I/O IOPS read limit discarded.",
        ),
        (
            &resources.write_operations,
            (
                "Block I/O IOPS write limit",
                "blkio.throttle.write_iops_device",
                "wiops",
            ),
            "Your kernel does not support IOPS Block write limit or the cgroup is not mounted. Block I/O IOPS write limit discarded.",
        ),
    ];
    for (devices, (what, file, key), discarded) in rates {
        if !devices.is_empty() {
            limits.push(Limit {
                controller: Controller::Io,
                what,
                version1: files(devices, file, &|rate| rate.to_string()),
                version2: files(devices, "io.max", &|rate| format!("{key}={rate}")),
                discarded,
            });
        }
    }
}

fn memory(resources: &Resources, limits: &mut Vec<Limit>) {
    let controller = Controller::Memory;
    if let Some(memory) = resources.memory.filter(|memory| *memory != 0) {
        limits.push(Limit {
            controller,
            what: MEMORY,
            version1: vec![("memory.limit_in_bytes", without_limit_below(memory, 0, "-1"))],
            version2: vec![("memory.max", without_limit_below(memory, 0, "max"))],
            discarded: "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
        });
    }
    if let Some(both) = resources.memory_and_swap() {
        let swap = if both < 0 {
            both
        } else {
            both.saturating_sub(resources.memory.unwrap_or(0)).max(0)
        };
        limits.push(Limit {
            controller,
            what: SWAP,
            version1: vec![("memory.memsw.limit_in_bytes", without_limit_below(both, 0, "-1"))],
            version2: vec![("memory.swap.max", without_limit_below(swap, 0, "max"))],
            discarded: "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
        });
    }
    if let Some(goal) = resources.memory_reservation.filter(|goal| *goal != 0) {
        limits.push(Limit {
            controller,
            what: "Memory reservation",
            version1: vec![("memory.soft_limit_in_bytes", without_limit_below(goal, 0, "-1"))],
            version2: vec![("memory.low", without_limit_below(goal, 0, "max"))],
            discarded: "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.",
        });
    }
    if let Some(swappiness) = resources.memory_swappiness {
        limits.push(Limit {
            controller,
            what: "Memory swappiness",
            version1: vec![("memory.swappiness", swappiness.to_string())],
            version2: Vec::new(),
            discarded: "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
        });
    }
    if resources.oom_kill_disable {
        limits.push(Limit {
            controller,
            what: "OomKillDisable",
            version1: vec![("memory.oom_control", "1".to_owned())],
            version2: Vec::new(),
            discarded: "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
        });
    }
}

fn processors(resources: &Resources, limits: &mut Vec<Limit>) {
    let controller = Controller::Cpu;
    if let Some(shares) = resources.cpu_shares.filter(|shares| *shares != 0) {
        let shares = shares.clamp(2, 262_144);
        // 2 to 262144 becomes 1 to 10000 (KEP 2254, as runc has it).
        let weight = 1 + (shares - 2) * 9999 / 262_142;
        limits.push(Limit {
            controller,
            what: "CPU shares",
            version1: vec![("cpu.shares", shares.to_string())],
            version2: vec![("cpu.weight", weight.to_string())],
            discarded: "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.",
        });
    }
    if let Some((quota, period)) = resources.bandwidth() {
        let most = without_limit_below(quota, 0, "max");
        limits.push(Limit {
            controller,
            what: "CPU period/quota",
            version1: vec![
                ("cpu.cfs_period_us", period.to_string()),
                ("cpu.cfs_quota_us", without_limit_below(quota, 0, "-1")),
            ],
            version2: vec![("cpu.max", format!("{most} {period}"))],
            discarded: "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
        });
    }
    let realtime = [
        ("cpu.rt_period_us", resources.realtime_period),
        ("cpu.rt_runtime_us", resources.realtime_runtime),
    ];
    let realtime: Vec<_> = realtime
        .into_iter()
        .filter_map(|(file, value)| Some((file, value.filter(|value| *value != 0)?.to_string())))
        .collect();
    if !realtime.is_empty() {
        limits.push(Limit {
            controller,
            what: "CPU real-time period/runtime",
            version1: realtime,
            version2: Vec::new(),
            discarded: "Your kernel does not support CPU real-time scheduler. CPU real-time period/runtime discarded.",
        });
    }
    let sets = [
        ("cpuset.cpus", "CPUset", &resources.cpuset_cpus),
        (
            "cpuset.mems",
            "CPUset of memory nodes",
            &resources.cpuset_mems,
        ),
    ];
    for (file, what, value) in sets {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            limits.push(Limit {
                controller: Controller::Cpuset,
                what,
                version1: vec![(file, value.clone())],
                version2: vec![(file, value.clone())],
                discarded: "Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded.",
            });
        }
    }
}

/// The number, or the word for "no limit" if it is less than `least`.
fn without_limit_below(value: i64, least: i64, word: &str) -> String {
    if value < least {
        word.to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Files = &'static [(&'static str, &'static str)];

    // What was asked, what is written in version 1, and in version 2.
    const CASES: [(&str, Files, Files); 13] = [
        (
            r#"{"blkio_weight_devices": [{"major": 8, "minor": 0, "value": 1000}]}"#,
            &[("blkio.weight_device|blkio.bfq.weight_device", "8:0 1000")],
            &[("io.bfq.weight|io.weight", "8:0 10000")],
        ),
        (
            r#"{"read_bytes": [{"major": 8, "minor": 0, "value": 7}, {"major": 8, "minor": 1, "value": 9}], "write_operations": [{"major": 8, "minor": 0, "value": 5}]}"#,
            &[
                ("blkio.throttle.read_bps_device", "8:0 7"),
                ("blkio.throttle.read_bps_device", "8:1 9"),
                ("blkio.throttle.write_iops_device", "8:0 5"),
            ],
            &[
                ("io.max", "8:0 rbps=7"),
                ("io.max", "8:1 rbps=9"),
                ("io.max", "8:0 wiops=5"),
            ],
        ),
        (
            r#"{"memory_swappiness": 0, "realtime_period": 1000, "realtime_runtime": 500}"#,
            &[
                ("memory.swappiness", "0"),
                ("cpu.rt_period_us", "1000"),
                ("cpu.rt_runtime_us", "500"),
            ],
            &[],
        ),
        ("{}", &[], &[]),
        (
            r#"{"memory": 8388608}"#,
            &[
                ("memory.limit_in_bytes", "8388608"),
                ("memory.memsw.limit_in_bytes", "16777216"),
            ],
            &[("memory.max", "8388608"), ("memory.swap.max", "8388608")],
        ),
        (
            r#"{"memory": 8388608, "memory_swap": -1}"#,
            &[
                ("memory.limit_in_bytes", "8388608"),
                ("memory.memsw.limit_in_bytes", "-1"),
            ],
            &[("memory.max", "8388608"), ("memory.swap.max", "max")],
        ),
        (
            r#"{"memory": 8388608, "memory_swap": 8388608, "memory_reservation": 7000000, "oom_kill_disable": true}"#,
            &[
                ("memory.limit_in_bytes", "8388608"),
                ("memory.memsw.limit_in_bytes", "8388608"),
                ("memory.soft_limit_in_bytes", "7000000"),
                ("memory.oom_control", "1"),
            ],
            &[
                ("memory.max", "8388608"),
                ("memory.swap.max", "0"),
                ("memory.low", "7000000"),
            ],
        ),
        (
            r#"{"cpu_shares": 1024}"#,
            &[("cpu.shares", "1024")],
            &[("cpu.weight", "39")],
        ),
        (
            r#"{"nano_cpus": 500000000}"#,
            &[
                ("cpu.cfs_period_us", "100000"),
                ("cpu.cfs_quota_us", "50000"),
            ],
            &[("cpu.max", "50000 100000")],
        ),
        (
            r#"{"cpu_quota": -1}"#,
            &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "-1")],
            &[("cpu.max", "max 100000")],
        ),
        (
            r#"{"pids_limit": -1, "cpuset_mems": "0"}"#,
            &[("cpuset.mems", "0"), ("pids.max", "max")],
            &[("cpuset.mems", "0"), ("pids.max", "max")],
        ),
        (
            r#"{"pids_limit": 7}"#,
            &[("pids.max", "7")],
            &[("pids.max", "7")],
        ),
        (
            r#"{"blkio_weight": 1000}"#,
            &[("blkio.weight|blkio.bfq.weight", "1000")],
            &[("io.bfq.weight|io.weight", "10000")],
        ),
    ];

    #[test]
    fn what_is_written_in_both_versions() {
        for (json, version1, version2) in CASES {
            let limits = of(&serde_json::from_str(json).unwrap());
            let flat = |pick: fn(&Limit) -> &Vec<(&'static str, String)>| {
                let all = limits.iter().flat_map(pick);
                all.map(|(file, value)| (*file, value.clone()))
                    .collect::<Vec<_>>()
            };
            let owned = |pairs: &[(&'static str, &str)]| {
                let all = pairs.iter();
                all.map(|(file, value)| (*file, (*value).to_owned()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(flat(|limit| &limit.version1), owned(version1), "{json}");
            assert_eq!(flat(|limit| &limit.version2), owned(version2), "{json}");
        }
    }
}
