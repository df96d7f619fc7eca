//! `HostConfig` of `inspect`: Docker's fields in Docker's order, also those for what Wharf does not have.

use serde_json::{Map, Value, json};

use super::config::HostConfig;
use crate::error::{EngineError, classify};

/// The fields of moby's `container.HostConfig` (28), in their order.
const ORDER: [&str; 67] = [
    "Binds",
    "ContainerIDFile",
    "LogConfig",
    "NetworkMode",
    "PortBindings",
    "RestartPolicy",
    "AutoRemove",
    "VolumeDriver",
    "VolumesFrom",
    "ConsoleSize",
    "Annotations",
    "CapAdd",
    "CapDrop",
    "CgroupnsMode",
    "Dns",
    "DnsOptions",
    "DnsSearch",
    "ExtraHosts",
    "GroupAdd",
    "IpcMode",
    "Cgroup",
    "Links",
    "OomScoreAdj",
    "PidMode",
    "Privileged",
    "PublishAllPorts",
    "ReadonlyRootfs",
    "SecurityOpt",
    "StorageOpt",
    "Tmpfs",
    "UTSMode",
    "UsernsMode",
    "ShmSize",
    "Sysctls",
    "Runtime",
    "Isolation",
    "CpuShares",
    "Memory",
    "NanoCpus",
    "CgroupParent",
    "BlkioWeight",
    "BlkioWeightDevice",
    "BlkioDeviceReadBps",
    "BlkioDeviceWriteBps",
    "BlkioDeviceReadIOps",
    "BlkioDeviceWriteIOps",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpusetCpus",
    "CpusetMems",
    "Devices",
    "DeviceCgroupRules",
    "DeviceRequests",
    "MemoryReservation",
    "MemorySwap",
    "MemorySwappiness",
    "OomKillDisable",
    "PidsLimit",
    "Ulimits",
    "CpuCount",
    "CpuPercent",
    "IOMaximumIOps",
    "IOMaximumBandwidth",
    "Mounts",
    "MaskedPaths",
];

/// What a container was given of the machine.
pub(super) fn host_document(host: &HostConfig) -> Result<Value, EngineError> {
    let written =
        serde_json::to_value(host).map_err(|error| classify(std::io::Error::from(error)))?;
    let Value::Object(mut fields) = written else {
        return Ok(written);
    };
    if host.oom_kill_disable.is_none() {
        fields.insert("OomKillDisable".to_owned(), json!(false));
    }
    let mut document = Map::new();
    for name in ORDER {
        if let Some(value) = fields.remove(name).or_else(|| absent(name)) {
            document.insert(name.to_owned(), value);
        }
    }
    // What is left comes behind: `ReadonlyPaths`, `Init`.
    document.append(&mut fields);
    Ok(document.into())
}

/// What Docker shows of what nobody asked for, and Wharf has not. Nothing where Docker leaves it out.
fn absent(name: &str) -> Option<Value> {
    Some(match name {
        "Runtime" => json!("wharf"),
        "ConsoleSize" => json!([0, 0]),
        "VolumeDriver" | "Cgroup" | "UsernsMode" | "Isolation" | "CgroupParent" => json!(""),
        "BlkioWeight" | "CpuRealtimePeriod" | "CpuRealtimeRuntime" | "CpuCount" | "CpuPercent"
        | "IOMaximumIOps" | "IOMaximumBandwidth" => json!(0),
        "BlkioWeightDevice"
        | "BlkioDeviceReadBps"
        | "BlkioDeviceWriteBps"
        | "BlkioDeviceReadIOps"
        | "BlkioDeviceWriteIOps" => json!([]),
        "Links" | "DeviceCgroupRules" | "DeviceRequests" | "MemorySwappiness" => Value::Null,
        _ => return None,
    })
}
