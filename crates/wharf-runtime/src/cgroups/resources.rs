//! What a container may use, as `docker run` and `docker update` say it.

use serde::{Deserialize, Serialize};

use super::devices::DeviceRule;

/// Limits. What is absent, or 0 as in Docker's API, is not limited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `--memory`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// `--memory-swap`: memory and swap together, bytes; -1 is without limit. Absent, it is twice the memory, as in Docker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swap: Option<i64>,
    /// `--memory-reservation`, bytes: the goal when memory is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_reservation: Option<i64>,
    /// `--cpus`, in billionths of a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nano_cpus: Option<i64>,
    /// `--cpu-period`, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_period: Option<i64>,
    /// `--cpu-quota`, microseconds in each period; negative is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_quota: Option<i64>,
    /// `--cpu-shares`: the weight, 1024 for everybody who says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_shares: Option<i64>,
    /// `--cpuset-cpus`: `0-2,4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`: nodes of memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset_mems: Option<String>,
    /// `--pids-limit`; 0 and negative are without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// `--memory-swappiness`, 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
    /// `--cpu-rt-period`, microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_period: Option<i64>,
    /// `--cpu-rt-runtime`, microseconds in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realtime_runtime: Option<i64>,
    /// `--oom-kill-disable`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub oom_kill_disable: bool,
    /// `--blkio-weight`, 10 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blkio_weight: Option<u16>,
    /// `--blkio-weight-device`, 10 to 1000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_weight_devices: Vec<DeviceLimit>,
    /// `--device-read-bps`, bytes a second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_bytes: Vec<DeviceLimit>,
    /// `--device-write-bps`, bytes a second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write_bytes: Vec<DeviceLimit>,
    /// `--device-read-iops`, operations a second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub read_operations: Vec<DeviceLimit>,
    /// `--device-write-iops`, operations a second.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write_operations: Vec<DeviceLimit>,
    /// Which device nodes may be used; the last rule that fits counts, and what none fits is refused. Absent: all may be, as with
    /// `--privileged`. [`DeviceRule::docker_default`] is what others begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devices: Option<Vec<DeviceRule>>,
}

/// A limit on one block device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceLimit {
    /// The device's major number.
    pub major: u32,
    /// Its minor number.
    pub minor: u32,
    /// A weight, or what may be read or written in a second.
    pub value: u64,
}

/// Limits that contradict each other or the machine, in Docker's words (moby, `daemon/daemon_unix.go`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidResource {
    /// Too little to start anything.
    #[error("Minimum memory limit allowed is 6MB")]
    MemoryTooSmall,
    /// The sum is less than its part.
    #[error("Minimum memoryswap limit should be larger than memory limit, see usage")]
    SwapBelowMemory,
    /// A limit on swap alone.
    #[error("You should always set the Memory limit when using Memoryswap limit, see usage")]
    SwapWithoutMemory,
    /// The goal is above the limit.
    #[error("Minimum memory limit can not be less than memory reservation limit, see usage")]
    ReservationAboveMemory,
    /// Too small a goal.
    #[error("Minimum memory reservation allowed is 6MB")]
    ReservationTooSmall,
    /// Two ways to say the same.
    #[error("Conflicting options: Nano CPUs and CPU {0} cannot both be set.")]
    CpusTwice(&'static str),
    /// More than there are.
    #[error("Range of CPUs is from 0.01 to {0}.00, as there are only {0} CPUs available")]
    TooManyCpus(u32),
    /// Outside what the kernel takes.
    #[error("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")]
    Period,
    /// Outside what the kernel takes.
    #[error("CPU cfs quota can not be less than 1ms (i.e. 1000)")]
    Quota,
    /// More than there is.
    #[error("cpu real-time runtime cannot be higher than cpu real-time period")]
    Realtime,
    /// Outside what the kernel takes.
    #[error("Range of blkio weight is from 10 to 1000")]
    Weight,
    /// No list of numbers and ranges.
    #[error("Invalid value {value} for cpuset {what}")]
    Cpuset {
        /// `cpus` or `mems`.
        what: &'static str,
        /// As it was given.
        value: String,
    },
    /// Processors that the machine does not have.
    #[error("Requested {what} are not available - requested {value}, available: {available}")]
    NotAvailable {
        /// `CPUs` or `memory nodes`.
        what: &'static str,
        /// As it was given.
        value: String,
        /// What there is.
        available: String,
    },
}

const MEMORY_MINIMUM_BYTES: i64 = 6 << 20;

/// As many processors as a list may name (`CPU_SETSIZE` of big machines).
const PROCESSORS_LIMIT: u32 = 8192;

impl Resources {
    /// Checks what `docker run` checks. `online` is how many processors the machine has, `cpus` and `mems` which ones and which
    /// nodes of memory (`/sys/devices/system/cpu/online`, `/sys/devices/system/node/online`).
    pub fn check(&self, online: u32, cpus: &str, mems: &str) -> Result<(), InvalidResource> {
        self.check_memory()?;
        self.check_cpu(online)?;
        if self
            .blkio_weight
            .is_some_and(|weight| weight != 0 && !(10..=1000).contains(&weight))
        {
            return Err(InvalidResource::Weight);
        }
        check_set("cpus", "CPUs", self.cpuset_cpus.as_deref(), cpus)?;
        check_set("mems", "memory nodes", self.cpuset_mems.as_deref(), mems)
    }

    /// What swap and memory may be together, with Docker's default of twice the memory: nothing without a limit on memory.
    pub(super) fn memory_and_swap(&self) -> Option<i64> {
        let memory = self.memory.filter(|memory| *memory > 0)?;
        match self.memory_swap {
            None | Some(0) => Some(memory.saturating_mul(2)),
            given => given,
        }
    }

    /// Quota and period in microseconds; a negative quota is without limit.
    pub(super) fn bandwidth(&self) -> Option<(i64, i64)> {
        const PERIOD_US: i64 = 100_000;
        if let Some(nano) = self.nano_cpus.filter(|nano| *nano > 0) {
            return Some((nano.saturating_mul(PERIOD_US) / 1_000_000_000, PERIOD_US));
        }
        let period = self.cpu_period.filter(|period| *period != 0);
        let quota = self.cpu_quota.filter(|quota| *quota != 0);
        if period.is_none() && quota.is_none() {
            return None;
        }
        Some((quota.unwrap_or(-1), period.unwrap_or(PERIOD_US)))
    }

    fn check_memory(&self) -> Result<(), InvalidResource> {
        let given = |value: Option<i64>| value.unwrap_or(0);
        let (memory, swap) = (given(self.memory), given(self.memory_swap));
        let reservation = given(self.memory_reservation);
        if memory != 0 && memory < MEMORY_MINIMUM_BYTES {
            return Err(InvalidResource::MemoryTooSmall);
        }
        if memory > 0 && swap > 0 && swap < memory {
            return Err(InvalidResource::SwapBelowMemory);
        }
        if memory == 0 && swap > 0 {
            return Err(InvalidResource::SwapWithoutMemory);
        }
        if reservation > 0 && reservation < MEMORY_MINIMUM_BYTES {
            return Err(InvalidResource::ReservationTooSmall);
        }
        if reservation > 0 && memory > 0 && memory < reservation {
            return Err(InvalidResource::ReservationAboveMemory);
        }
        Ok(())
    }

    fn check_cpu(&self, online: u32) -> Result<(), InvalidResource> {
        let given = |value: Option<i64>| value.unwrap_or(0);
        let (nano, period, quota) = (
            given(self.nano_cpus),
            given(self.cpu_period),
            given(self.cpu_quota),
        );
        if nano > 0 && period > 0 {
            return Err(InvalidResource::CpusTwice("Period"));
        }
        if nano > 0 && quota > 0 {
            return Err(InvalidResource::CpusTwice("Quota"));
        }
        if nano < 0 || nano > i64::from(online) * 1_000_000_000 {
            return Err(InvalidResource::TooManyCpus(online));
        }
        if period != 0 && !(1_000..=1_000_000).contains(&period) {
            return Err(InvalidResource::Period);
        }
        if quota > 0 && quota < 1_000 {
            return Err(InvalidResource::Quota);
        }
        let (period, runtime) = (given(self.realtime_period), given(self.realtime_runtime));
        if period != 0 && runtime > period {
            return Err(InvalidResource::Realtime);
        }
        Ok(())
    }
}

fn check_set(
    what: &'static str,
    things: &'static str,
    value: Option<&str>,
    available: &str,
) -> Result<(), InvalidResource> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let Some(wanted) = ranges(value) else {
        return Err(InvalidResource::Cpuset {
            what,
            value: value.to_owned(),
        });
    };
    let available = available.trim();
    let there = ranges(available).unwrap_or_default();
    let is_there = |number: u32| there.iter().any(|range| range.contains(&number));
    if wanted.into_iter().flatten().all(is_there) {
        return Ok(());
    }
    Err(InvalidResource::NotAvailable {
        what: things,
        value: value.to_owned(),
        available: available.to_owned(),
    })
}

/// `0-2,4`, with numbers below the limit.
pub(super) fn ranges(text: &str) -> Option<Vec<std::ops::RangeInclusive<u32>>> {
    let number = |text: &str| {
        let number: u32 = text.parse().ok()?;
        (number < PROCESSORS_LIMIT).then_some(number)
    };
    let range = |part: &str| match part.split_once('-') {
        None => number(part).map(|one| one..=one),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(first..=last)
        }
    };
    text.split(',').map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Resources {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_docker_refuses() {
        let cases = [
            ("{}", ""),
            (r#"{"memory": 6291456}"#, ""),
            (
                r#"{"memory": 6291455}"#,
                "Minimum memory limit allowed is 6MB",
            ),
            (r#"{"memory": -1}"#, "Minimum memory limit allowed is 6MB"),
            (
                r#"{"memory": 8388608, "memory_swap": 8388607}"#,
                "Minimum memoryswap limit should",
            ),
            (r#"{"memory": 8388608, "memory_swap": -1}"#, ""),
            (
                r#"{"memory_swap": 8388608}"#,
                "You should always set the Memory limit",
            ),
            (
                r#"{"memory": 8388608, "memory_reservation": 8388609}"#,
                "Minimum memory limit can not",
            ),
            (r#"{"memory_reservation": 1}"#, "Minimum memory reservation"),
            (r#"{"nano_cpus": 1500000000}"#, ""),
            (
                r#"{"nano_cpus": 2000000001}"#,
                "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs",
            ),
            (
                r#"{"nano_cpus": 1, "cpu_quota": 5000}"#,
                "Nano CPUs and CPU Quota cannot",
            ),
            (
                r#"{"nano_cpus": 1, "cpu_period": 5000}"#,
                "Nano CPUs and CPU Period cannot",
            ),
            (r#"{"cpu_period": 999}"#, "CPU cfs period"),
            (r#"{"cpu_quota": 999}"#, "CPU cfs quota"),
            (r#"{"cpu_quota": -1}"#, ""),
            (
                r#"{"realtime_period": 1000, "realtime_runtime": 1001}"#,
                "cpu real-time runtime cannot be higher",
            ),
            (r#"{"blkio_weight": 9}"#, "Range of blkio weight"),
            (r#"{"cpuset_cpus": "0-1"}"#, ""),
            (
                r#"{"cpuset_cpus": "0,5"}"#,
                "Requested CPUs are not available - requested 0,5, available: 0-1",
            ),
            (
                r#"{"cpuset_cpus": "1-0"}"#,
                "Invalid value 1-0 for cpuset cpus",
            ),
            (r#"{"cpuset_cpus": "0-4000000000"}"#, "Invalid value"),
            (
                r#"{"cpuset_mems": "1"}"#,
                "Requested memory nodes are not available",
            ),
        ];
        for (json, expected) in cases {
            let result = of(json).check(2, "0-1\n", "0\n");
            let text = result.err().map(|error| error.to_string());
            let text = text.unwrap_or_default();
            assert!(
                text.contains(expected) && text.is_empty() == expected.is_empty(),
                "{json}: {text}"
            );
        }
    }

    #[test]
    fn what_follows_from_what_was_given() {
        assert_eq!(
            of(r#"{"nano_cpus": 1500000000}"#).bandwidth(),
            Some((150_000, 100_000))
        );
        assert_eq!(
            of(r#"{"cpu_quota": 5000}"#).bandwidth(),
            Some((5_000, 100_000))
        );
        assert_eq!(of(r#"{"cpu_period": 5000}"#).bandwidth(), Some((-1, 5_000)));
        assert_eq!(of("{}").bandwidth(), None);
        assert_eq!(of(r#"{"memory": 10}"#).memory_and_swap(), Some(20));
        assert_eq!(
            of(r#"{"memory": 10, "memory_swap": -1}"#).memory_and_swap(),
            Some(-1)
        );
        assert_eq!(
            of(r#"{"memory": 10, "memory_swap": 10}"#).memory_and_swap(),
            Some(10)
        );
        assert_eq!(of("{}").memory_and_swap(), None);
        assert_eq!(serde_json::to_string(&Resources::default()).unwrap(), "{}");
    }
}
