//! What a container was asked to be, in the fields and names of Docker's API (`Config` and `HostConfig` of `POST /containers/create`),
//! which is also how it is written down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wharf_oci::HealthConfig;

/// What a container runs, wherever it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(clippy::struct_excessive_bools, reason = "they are Docker's fields")]
pub struct ContainerConfig {
    /// Its host name.
    pub hostname: String,
    /// Its NIS domain.
    pub domainname: String,
    /// `name|uid[:group|gid]`.
    pub user: String,
    /// Whether whoever started it gave it input.
    pub attach_stdin: bool,
    /// Whether whoever started it took its output.
    pub attach_stdout: bool,
    /// Whether whoever started it took its errors.
    pub attach_stderr: bool,
    /// Ports that it serves, as `80/tcp`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Map<String, Value>>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether its input is open.
    pub open_stdin: bool,
    /// Whether its input ends with the first client that had it.
    pub stdin_once: bool,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Arguments behind the entry point; the program itself where there is none.
    pub cmd: Option<Vec<String>>,
    /// How its health is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<HealthConfig>,
    /// The image, as it was named.
    pub image: String,
    /// Folders that become volumes.
    pub volumes: Option<BTreeMap<String, Map<String, Value>>>,
    /// The working folder.
    pub working_dir: String,
    /// The program, and its first arguments.
    pub entrypoint: Option<Vec<String>>,
    /// Instructions for builds upon it: the image's.
    pub on_build: Option<Vec<String>>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What asks it to end, as `SIGTERM`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// How long it is given for that, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
}

/// What of the machine a container uses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    /// `-v` as it was given.
    pub binds: Option<Vec<String>>,
    /// Where its ID was written.
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    /// Where its output is kept.
    pub log_config: LogConfig,
    /// `bridge`, `host`, `none`, `container:ID` or a network's name.
    pub network_mode: String,
    /// Ports that are published: `80/tcp` to places on the machine.
    pub port_bindings: BTreeMap<String, Vec<PortPlace>>,
    /// When it is started again.
    pub restart_policy: RestartPolicyConfig,
    /// Whether it goes when it has ended.
    pub auto_remove: bool,
    /// What keeps its volumes: `local` or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume_driver: String,
    /// Containers whose volumes it has.
    pub volumes_from: Option<Vec<String>>,
    /// Capabilities more than usual.
    pub cap_add: Option<Vec<String>>,
    /// Capabilities less than usual.
    pub cap_drop: Option<Vec<String>>,
    /// `private` or `host`.
    pub cgroupns_mode: String,
    /// Name servers.
    pub dns: Vec<String>,
    /// Options of the resolver.
    pub dns_options: Vec<String>,
    /// Domains that are searched.
    pub dns_search: Vec<String>,
    /// `name:address`.
    pub extra_hosts: Option<Vec<String>>,
    /// Further groups.
    pub group_add: Option<Vec<String>>,
    /// `private`, `host`, `shareable`, `none` or `container:ID`.
    pub ipc_mode: String,
    /// `host`, `container:ID` or nothing.
    pub pid_mode: String,
    /// Whether it may do everything.
    pub privileged: bool,
    /// Whether every exposed port is published.
    pub publish_all_ports: bool,
    /// Whether its root cannot be written.
    pub readonly_rootfs: bool,
    /// `seccomp=...`, `no-new-privileges`...
    pub security_opt: Option<Vec<String>>,
    /// Temporary file systems: folder to options.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, String>,
    /// `host` or nothing.
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    /// `host` or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub userns_mode: String,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: i64,
    /// `sysctl` settings.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// How likely the kernel ends it when memory is short.
    pub oom_score_adj: i32,
    /// Relative share of processor time.
    pub cpu_shares: i64,
    /// What runs it, as it was asked for; nothing for the usual.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub runtime: String,
    /// `default` or nothing.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub isolation: String,
    /// Below which control group its own is made; nothing for Wharf's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub cgroup_parent: String,
    /// Relative share of input and output of block devices.
    #[serde(skip_serializing_if = "is_no_weight")]
    pub blkio_weight: u16,
    /// The same for some devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_weight_device: Vec<WeightDevice>,
    /// Bytes a second that it may read of some devices.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    /// Bytes a second that it may write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    /// Operations a second that may read.
    #[serde(rename = "BlkioDeviceReadIOps", skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    /// Operations a second that may write.
    #[serde(rename = "BlkioDeviceWriteIOps", skip_serializing_if = "Vec::is_empty")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    /// Memory in bytes; 0 for no limit.
    pub memory: i64,
    /// Processor time in billionths of a processor.
    pub nano_cpus: i64,
    /// The length of a scheduling period in microseconds.
    pub cpu_period: i64,
    /// What it may use of each, in microseconds.
    pub cpu_quota: i64,
    /// The length of a period of real-time scheduling in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_realtime_period: i64,
    /// What real-time tasks may use of each, in microseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub cpu_realtime_runtime: i64,
    /// Processors that it may use.
    pub cpuset_cpus: String,
    /// Memory nodes that it may use.
    pub cpuset_mems: String,
    /// Devices of the machine.
    pub devices: Vec<DeviceMapping>,
    /// Rules about device nodes, behind Docker's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_cgroup_rules: Option<Vec<String>>,
    /// Devices that a driver would have to find: graphics processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_requests: Option<Vec<DeviceRequest>>,
    /// Memory that it should not use more than, in bytes.
    pub memory_reservation: i64,
    /// Memory and swap together, in bytes; -1 for no limit.
    pub memory_swap: i64,
    /// How gladly the kernel swaps its memory: 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
    /// Whether the kernel may not end it when its memory is full.
    pub oom_kill_disable: Option<bool>,
    /// Whether a process of Wharf's own reaps orphans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Processes at most.
    pub pids_limit: Option<i64>,
    /// Limits of each process.
    pub ulimits: Vec<UlimitConfig>,
    /// `--mount` as it was given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<MountConfig>,
    /// Remarks of whoever made it, for programs that look at it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Paths that are hidden; none if privileged.
    pub masked_paths: Option<Vec<String>>,
    /// Paths that cannot be written; none if privileged.
    pub readonly_paths: Option<Vec<String>>,
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    /// `json-file` or `none`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// `max-size`, `max-file`.
    pub config: BTreeMap<String, String>,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            kind: "json-file".to_owned(),
            config: BTreeMap::new(),
        }
    }
}

/// A place on the machine for a published port.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortPlace {
    /// The address; every one if empty.
    pub host_ip: String,
    /// The port, a range of them, or nothing for a free one.
    pub host_port: String,
}

/// When a container is started again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicyConfig {
    /// `no`, `always`, `unless-stopped` or `on-failure`.
    pub name: String,
    /// How often in a row; 0 without limit.
    pub maximum_retry_count: u32,
}

impl Default for RestartPolicyConfig {
    fn default() -> Self {
        Self {
            name: "no".to_owned(),
            maximum_retry_count: 0,
        }
    }
}

/// A device of the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceMapping {
    /// Outside.
    pub path_on_host: String,
    /// Inside.
    pub path_in_container: String,
    /// `r`, `w`, `m`.
    pub cgroup_permissions: String,
}

/// A share of what a block device can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WeightDevice {
    /// Outside.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// How fast a block device may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ThrottleDevice {
    /// Outside.
    pub path: String,
    /// Bytes or operations a second.
    pub rate: u64,
}

/// Devices that a driver would have to find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceRequest {
    /// Whose; empty for any.
    pub driver: String,
    /// How many; -1 for all.
    pub count: i64,
    /// Which ones, by the driver's names.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: Option<Vec<String>>,
    /// What they must be able to do: any of these lists.
    pub capabilities: Vec<Vec<String>>,
    /// For the driver.
    pub options: BTreeMap<String, String>,
}

/// One limit of each process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UlimitConfig {
    /// As `nofile`.
    pub name: String,
    /// What cannot be raised above; -1 for no limit.
    pub hard: i64,
    /// What holds at first; -1 for no limit.
    pub soft: i64,
}

/// One `--mount`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct MountConfig {
    /// `bind`, `volume` or `tmpfs`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// What of the machine: a path or a volume's name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Where, inside.
    pub target: String,
    /// Whether it cannot be written.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
    /// What is said of a `bind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_options: Option<BindOptions>,
    /// What is said of a `volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_options: Option<VolumeOptions>,
    /// What is said of a `tmpfs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpfs_options: Option<TmpfsOptions>,
}

/// What a `--mount` says of a `bind` only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BindOptions {
    /// How mounts made later on one side show on the other.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub propagation: String,
    /// Whether what is mounted below the source is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub non_recursive: bool,
}

/// What a `--mount` says of a `volume` only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumeOptions {
    /// Whether a new volume does not take what the image has there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub no_copy: bool,
}

/// What a `--mount` says of a `tmpfs` only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct TmpfsOptions {
    /// Its size in bytes; 0 for the kernel's.
    #[serde(skip_serializing_if = "is_zero")]
    pub size_bytes: i64,
    /// Its mode; 0 for 1777.
    #[serde(skip_serializing_if = "is_no_mode")]
    pub mode: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_no_weight(weight: &u16) -> bool {
    *weight == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_no_mode(mode: &u32) -> bool {
    *mode == 0
}

/// One mount as it came to be: `Mounts` of `docker inspect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountPoint {
    /// `bind`, `volume` or `tmpfs`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// The volume's name.
    #[serde(rename = "Name", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The path outside.
    #[serde(rename = "Source")]
    pub source: String,
    /// The path inside.
    #[serde(rename = "Destination")]
    pub destination: String,
    /// What keeps the volume: `local`.
    #[serde(rename = "Driver", skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// The options, as they were given.
    #[serde(rename = "Mode")]
    pub mode: String,
    /// Whether it can be written.
    #[serde(rename = "RW")]
    pub writable: bool,
    /// How mounts made later on one side show on the other.
    #[serde(rename = "Propagation")]
    pub propagation: String,
    /// Options of a temporary file system.
    #[serde(rename = "WharfOptions", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// Whether what is mounted below the source comes too.
    #[serde(rename = "WharfRecursive", skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// Whether the volume has no name that a person gave: it goes with the container (`rm -v`, `--rm`).
    #[serde(rename = "WharfAnonymous", skip_serializing_if = "std::ops::Not::not")]
    pub anonymous: bool,
}
