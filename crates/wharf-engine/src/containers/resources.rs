//! From `--memory`, `--cpus` and their kin to limits of a group of processes.

use wharf_runtime::cgroups::{DeviceLimit, DeviceRule, Resources};
use wharf_transfer::ErrorKind;

use super::config::{HostConfig, ThrottleDevice};
use crate::error::{EngineError, failure};

/// The limits that were asked for, checked against each other and the machine.
pub(crate) fn resources(host: &HostConfig) -> Result<Resources, EngineError> {
    let some = |number: i64| (number != 0).then_some(number);
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let resources = Resources {
        memory: some(host.memory),
        memory_swap: some(host.memory_swap),
        memory_reservation: some(host.memory_reservation),
        nano_cpus: some(host.nano_cpus),
        cpu_period: some(host.cpu_period),
        cpu_quota: some(host.cpu_quota),
        cpu_shares: some(host.cpu_shares),
        cpuset_cpus: text(&host.cpuset_cpus),
        cpuset_mems: text(&host.cpuset_mems),
        pids_limit: host.pids_limit,
        memory_swappiness: host.memory_swappiness,
        realtime_period: some(host.cpu_realtime_period),
        realtime_runtime: some(host.cpu_realtime_runtime),
        oom_kill_disable: host.oom_kill_disable.unwrap_or(false),
        blkio_weight: Some(host.blkio_weight).filter(|weight| *weight != 0),
        blkio_weight_devices: host
            .blkio_weight_device
            .iter()
            .map(|device| device_limit(&device.path, u64::from(device.weight)))
            .collect::<Result<_, EngineError>>()?,
        read_bytes: rates(&host.blkio_device_read_bps)?,
        write_bytes: rates(&host.blkio_device_write_bps)?,
        read_operations: rates(&host.blkio_device_read_iops)?,
        write_operations: rates(&host.blkio_device_write_iops)?,
        devices: device_rules(host)?,
    };
    let online = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().to_owned()
    };
    let cpus = online("/sys/devices/system/cpu/online");
    let nodes = online("/sys/devices/system/node/online");
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let checked = resources.check(count, &cpus, &nodes);
    checked.map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?;
    Ok(resources)
}

fn rates(devices: &[ThrottleDevice]) -> Result<Vec<DeviceLimit>, EngineError> {
    let limit = |device: &ThrottleDevice| device_limit(&device.path, device.rate);
    devices.iter().map(limit).collect()
}

/// By the device's number, which is what the kernel takes.
fn device_limit(path: &str, value: u64) -> Result<DeviceLimit, EngineError> {
    let metadata = rustix::fs::stat(path).map_err(|error| {
        let reason = std::io::Error::from(error);
        let reason = match reason.kind() {
            std::io::ErrorKind::NotFound => "no such file or directory".to_owned(),
            _ => reason.to_string(),
        };
        failure(ErrorKind::Invalid, format!("stat {path}: {reason}"))
    })?;
    Ok(DeviceLimit {
        major: rustix::fs::major(metadata.st_rdev),
        minor: rustix::fs::minor(metadata.st_rdev),
        value,
    })
}

/// Docker's, those of `--device`, and those of `--device-cgroup-rule`; all devices if privileged.
fn device_rules(host: &HostConfig) -> Result<Option<Vec<DeviceRule>>, EngineError> {
    if host.privileged {
        return Ok(None);
    }
    let mut rules = DeviceRule::docker_default();
    for mapping in &host.devices {
        let path = std::path::Path::new(&mapping.path_on_host);
        if let Some(device) = super::devices::device(path, path) {
            let kind = if device.block { "b" } else { "c" };
            let (major, minor) = (device.major, device.minor);
            let text = format!("{kind} {major}:{minor} {}", mapping.cgroup_permissions);
            let rule = text.parse::<DeviceRule>();
            rules.push(rule.map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?);
        }
    }
    for text in host.device_cgroup_rules.iter().flatten() {
        let rule = text.parse::<DeviceRule>();
        rules.push(rule.map_err(|error| failure(ErrorKind::Invalid, error.to_string()))?);
    }
    Ok(Some(rules))
}
