//! From `--memory`, `--cpus` and their kin to limits of a group of processes.

use wharf_runtime::cgroups::{DeviceRule, Resources};
use wharf_transfer::ErrorKind;

use super::config::HostConfig;
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
        oom_kill_disable: host.oom_kill_disable.unwrap_or(false),
        blkio_weight: None,
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

/// Docker's, and those of `--device`; all devices if privileged.
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
    Ok(Some(rules))
}
