//! `stats`: what containers use.

use std::time::Instant;

use wharf_runtime::cgroups::{Cgroup, CgroupStats};

use super::record::Container;
use crate::engine::Engine;

/// What a container has used until now.
#[derive(Debug, Clone)]
pub struct ContainerStats {
    /// When that was.
    pub at: Instant,
    /// Figures of its group; empty where it does not run.
    pub used: CgroupStats,
    /// Bytes that came over its network, and those that went.
    pub network: (u64, u64),
}

impl Engine {
    /// Reads a container's figures. What cannot be read is 0 or absent: the container may end meanwhile.
    pub fn container_stats(&self, container: &Container) -> ContainerStats {
        let state = &container.state;
        let grouped = state.cgroup.as_ref().filter(|_| state.status.is_alive());
        let process = state.process.filter(|_| state.status.is_alive());
        ContainerStats {
            at: Instant::now(),
            used: grouped.map(Cgroup::stats).unwrap_or_default(),
            network: process.map(network_bytes).unwrap_or_default(),
        }
    }
}

/// The machine's memory in bytes: the limit of those that have none.
pub fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Bytes of all interfaces but loopback, in the namespace of a process.
fn network_bytes(process: i32) -> (u64, u64) {
    let text = std::fs::read_to_string(format!("/proc/{process}/net/dev")).unwrap_or_default();
    sum_of_interfaces(&text)
}

fn sum_of_interfaces(text: &str) -> (u64, u64) {
    /// The field of sent bytes, behind those of received packets.
    const SENT: usize = 8;
    let mut sum = (0, 0);
    for line in text.lines() {
        let Some((name, fields)) = line.split_once(':') else {
            continue;
        };
        let fields: Vec<u64> = fields
            .split_whitespace()
            .filter_map(|field| field.parse().ok())
            .collect();
        if name.trim() != "lo" {
            sum.0 += fields.first().copied().unwrap_or_default();
            sum.1 += fields.get(SENT).copied().unwrap_or_default();
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_does_not_count() {
        let text = "Inter-|   Receive    |  Transmit\n face |bytes packets\n    lo: 9 1 0 0 0 0 0 0 9 1\n  eth0: 10 1 0 0 0 0 0 0 20 2\n  eth1: 1 1 0 0 0 0 0 0 2 2\n";
        assert_eq!(sum_of_interfaces(text), (11, 22));
    }
}
