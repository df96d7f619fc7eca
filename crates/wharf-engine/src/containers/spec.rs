//! From what a container was asked to be to what the kernel is told: Docker's defaults (moby, `oci/defaults.go`, `daemon/oci_linux.go`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wharf_oci::HealthConfig;
use wharf_runtime::{
    CapabilitySet, ContainerFolder, ContainerSpec, HealthOrder, IdMapping, LimitSpec, LogOrder,
    MonitorOrder, MountSource, MountSpec, NamespaceChoice, NamespaceSpec, ORDER_FORMAT,
    ProcessSpec, Propagation, RestartPolicy, RootSpec, SeccompChoice, parse_signal,
};
use wharf_transfer::ErrorKind;

use super::config::{DeviceRequest, HostConfig, MountPoint, RestartPolicyConfig};
use super::devices;
use super::network_files::network_files;
use super::record::ContainerRecord;
use super::resources::resources;
use super::sizes::parse_size;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

/// What `PATH` is where nothing says it.
pub(super) const DEFAULT_PATH: &str =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Docker's size of `/dev/shm`.
pub(super) const SHM_SIZE_BYTES: i64 = 64 << 20;
/// What a container is given to end by itself, in seconds.
const STOP_TIMEOUT_SECONDS: i64 = 10;
/// What the log may hold before it is put away: without an end, as in Docker.
const LOG_FILES: u32 = 1;

/// Paths that are hidden from containers (moby, `oci/defaults.go`).
pub(super) const MASKED_PATHS: [&str; 12] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
];
/// Paths that containers cannot write.
pub(super) const READ_ONLY_PATHS: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
/// Docker's for a network of one's own: a container's root needs no capability for low ports and for `ping`.
pub(super) const OWN_NETWORK_SYSCTLS: [(&str, &str); 2] = [
    ("net.ipv4.ip_unprivileged_port_start", "0"),
    ("net.ipv4.ping_group_range", "0 2147483647"),
];

impl Engine {
    /// What the container's monitor is told.
    pub(super) fn monitor_order(
        &self,
        record: &ContainerRecord,
        folder: &ContainerFolder,
    ) -> Result<MonitorOrder, EngineError> {
        let host = &record.host_config;
        if let Some(request) = host.device_requests.iter().flatten().next() {
            return Err(no_driver(request));
        }
        Ok(MonitorOrder {
            format: ORDER_FORMAT,
            spec: self.container_spec(record, folder)?,
            cgroup: cgroup_name(record),
            resources: resources(host)?,
            log: log_order(host, &folder.log())?,
            restart: restart_policy(&host.restart_policy)?,
            stop_signal: stop_signal(record)?,
            stop_timeout_seconds: record.config.stop_timeout.unwrap_or(STOP_TIMEOUT_SECONDS),
            open_stdin: record.config.open_stdin,
            stdin_once: record.config.stdin_once,
            health: health(record.config.healthcheck.as_ref())?,
        })
    }

    fn container_spec(
        &self,
        record: &ContainerRecord,
        folder: &ContainerFolder,
    ) -> Result<ContainerSpec, EngineError> {
        let store = self.store()?;
        let trees = store.layer_trees(record.image).map_err(classify)?;
        let (config, host) = (&record.config, &record.host_config);
        let user = self.id_mapping()?;
        let namespaces = self.namespaces(host, user)?;
        let mut mounts = default_mounts(host, &namespaces);
        mounts.extend(network_files(record, folder)?);
        for mount in &record.mounts {
            mounts.push(mount_spec(mount)?);
        }
        let mut sysctls = host.sysctls.clone();
        if namespaces.network == NamespaceChoice::New && namespaces.user.is_none() {
            for (name, value) in OWN_NETWORK_SYSCTLS {
                sysctls.entry(name.to_owned()).or_insert(value.to_owned());
            }
        }
        Ok(ContainerSpec {
            root: RootSpec {
                lowers: trees.lowers,
                empty: trees.empty,
                upper: folder.path().join("upper"),
                work: folder.path().join("work"),
                user_flavour: store.flavour().is_users(),
                read_only: host.readonly_rootfs,
            },
            mount_point: folder.path().join("rootfs"),
            process: process(record)?,
            namespaces,
            hostname: config.hostname.clone(),
            domain_name: config.domainname.clone(),
            mounts,
            devices: devices::devices(host)?,
            masked_paths: named(host.masked_paths.as_deref()),
            read_only_paths: named(host.readonly_paths.as_deref()),
            sysctls,
        })
    }

    fn namespaces(
        &self,
        host: &HostConfig,
        user: Option<IdMapping>,
    ) -> Result<NamespaceSpec, EngineError> {
        let shared = |mode: &str, kind: &str| -> Result<NamespaceChoice, EngineError> {
            if mode == "host" {
                return Ok(NamespaceChoice::Host);
            }
            match mode.strip_prefix("container:") {
                Some(other) => self.namespace_of(other, kind),
                None => Ok(NamespaceChoice::New),
            }
        };
        let network = shared(&host.network_mode, "net")?;
        Ok(NamespaceSpec {
            pid: shared(&host.pid_mode, "pid")?,
            ipc: shared(&host.ipc_mode, "ipc")?,
            // Whoever shares a network has the name that is known there.
            uts: if host.network_mode.starts_with("container:") {
                shared(&host.network_mode, "uts")?
            } else {
                shared(&host.uts_mode, "uts")?
            },
            cgroup: if host.cgroupns_mode == "host" || host.privileged {
                NamespaceChoice::Host
            } else {
                NamespaceChoice::New
            },
            network,
            user,
        })
    }

    /// The namespace of another container, which must run.
    pub(super) fn namespace_of(
        &self,
        text: &str,
        kind: &str,
    ) -> Result<NamespaceChoice, EngineError> {
        let other = self.container(text)?;
        if kind == "ipc"
            && matches!(
                other.record.host_config.ipc_mode.as_str(),
                "private" | "none"
            )
        {
            let text = format!(
                "can't join IPC of container {text}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)"
            );
            return Err(failure(ErrorKind::Conflict, text));
        }
        match other.state.process {
            Some(process) if other.state.status.is_alive() => {
                let path = format!("/proc/{process}/ns/{kind}");
                Ok(NamespaceChoice::File(PathBuf::from(path)))
            }
            _ => {
                let text = format!(
                    "cannot join namespace of a non running container: {}",
                    other.record.id
                );
                Err(failure(ErrorKind::Conflict, text))
            }
        }
    }
}

/// Where its control group is below each hierarchy.
pub(super) fn cgroup_name(record: &ContainerRecord) -> String {
    let above = record.host_config.cgroup_parent.trim_matches('/');
    let above = if above.is_empty() { "wharf" } else { above };
    format!("{above}/{}", record.id)
}

/// In Docker's words: there are no drivers here.
fn no_driver(request: &DeviceRequest) -> EngineError {
    let lists = request.capabilities.iter();
    let lists: Vec<String> = lists.map(|list| format!("[{}]", list.join(" "))).collect();
    let text = format!(
        "could not select device driver {:?} with capabilities: [{}]",
        request.driver,
        lists.join(" ")
    );
    failure(ErrorKind::Invalid, text)
}

fn named(texts: Option<&[String]>) -> Vec<PathBuf> {
    texts
        .unwrap_or_default()
        .iter()
        .map(PathBuf::from)
        .collect()
}

pub(super) fn paths(texts: &[&str]) -> Vec<PathBuf> {
    texts.iter().map(PathBuf::from).collect()
}

/// The program, as whom it runs and what it may do.
pub(super) fn process(record: &ContainerRecord) -> Result<ProcessSpec, EngineError> {
    let (config, host) = (&record.config, &record.host_config);
    let mut environment = vec![
        DEFAULT_PATH.to_owned(),
        format!("HOSTNAME={}", config.hostname),
    ];
    if config.tty {
        environment.push("TERM=xterm".to_owned());
    }
    for pair in &config.env {
        set_variable(&mut environment, pair);
    }
    let security = security(host)?;
    Ok(ProcessSpec {
        arguments: record.arguments(),
        environment,
        folder: PathBuf::from(&config.working_dir),
        user: config.user.clone(),
        groups: host.group_add.clone().unwrap_or_default(),
        terminal: config.tty,
        terminal_size: (0, 0),
        capabilities: capabilities(host)?,
        no_new_privileges: security.no_new_privileges,
        limits: limits(host),
        oom_score: (host.oom_score_adj != 0).then_some(host.oom_score_adj),
        seccomp: security.seccomp,
        init: host.init.unwrap_or(false),
    })
}

/// Replaces the variable; a name alone takes it away (moby, `ReplaceOrAppendEnvValues`).
pub(super) fn set_variable(environment: &mut Vec<String>, pair: &str) {
    let name = pair.split('=').next().unwrap_or_default();
    let same = |other: &String| other.split('=').next() == Some(name);
    if !pair.contains('=') {
        environment.retain(|other| !same(other));
    } else if let Some(found) = environment.iter_mut().find(|other| same(other)) {
        pair.clone_into(found);
    } else {
        environment.push(pair.to_owned());
    }
}

pub(super) fn capabilities(host: &HostConfig) -> Result<CapabilitySet, EngineError> {
    if host.privileged {
        return Ok(CapabilitySet::ALL);
    }
    let texts = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let (add, drop) = (texts(&host.cap_add), texts(&host.cap_drop));
    CapabilitySet::docker_default()
        .adjusted(
            add.iter().map(String::as_str),
            drop.iter().map(String::as_str),
        )
        .map_err(|error| {
            let list = if add.contains(&error.name) {
                "CapAdd"
            } else {
                "CapDrop"
            };
            let text = format!("invalid {list}: unknown capability: {:?}", error.name);
            failure(ErrorKind::Invalid, text)
        })
}

pub(super) struct Security {
    seccomp: SeccompChoice,
    no_new_privileges: bool,
}

pub(super) fn security(host: &HostConfig) -> Result<Security, EngineError> {
    let mut security = Security {
        seccomp: if host.privileged {
            SeccompChoice::Unconfined
        } else {
            SeccompChoice::Docker
        },
        no_new_privileges: false,
    };
    for option in host.security_opt.iter().flatten() {
        let (name, value) = option
            .split_once('=')
            .or_else(|| option.split_once(':'))
            .unwrap_or((option, "true"));
        match (name, value) {
            ("no-new-privileges", "true" | "false") => {
                security.no_new_privileges = value == "true";
            }
            ("seccomp", "unconfined") => security.seccomp = SeccompChoice::Unconfined,
            ("seccomp", "builtin") => security.seccomp = SeccompChoice::Docker,
            // The client has read the file.
            ("seccomp", profile) => {
                wharf_runtime::seccomp::SeccompProfile::from_json(profile.as_bytes()).map_err(
                    |error| failure(ErrorKind::Invalid, format!("seccomp profile: {error}")),
                )?;
                security.seccomp = SeccompChoice::Profile(profile.to_owned());
            }
            ("apparmor", "unconfined") | ("label", "disable") | ("writable-cgroups", _) => (),
            // Docker ignores them on machines without the two. Where they are, nobody shall believe to be confined.
            ("apparmor", _) if !has_apparmor() => (),
            ("label", _) if !Path::new("/sys/fs/selinux/enforce").exists() => (),
            ("apparmor" | "label", _) => {
                let text = format!(
                    "--security-opt {option}: wharf applies neither AppArmor profiles nor SELinux labels; seccomp and capabilities confine its containers"
                );
                return Err(failure(ErrorKind::Invalid, text));
            }
            _ => {
                let text = format!("invalid --security-opt 2: {option:?}");
                return Err(failure(ErrorKind::Invalid, text));
            }
        }
    }
    Ok(security)
}

fn has_apparmor() -> bool {
    let enabled = std::fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    enabled.is_ok_and(|text| text.starts_with('Y'))
}

pub(super) fn limits(host: &HostConfig) -> Vec<LimitSpec> {
    let limit = |number: i64| u64::try_from(number).ok();
    let limits = host.ulimits.iter().map(|ulimit| LimitSpec {
        name: ulimit.name.clone(),
        soft: limit(ulimit.soft),
        hard: limit(ulimit.hard),
    });
    limits.collect()
}

pub(super) fn stop_signal(record: &ContainerRecord) -> Result<i32, EngineError> {
    let text = record.config.stop_signal.as_deref().unwrap_or("SIGTERM");
    let text = if text.is_empty() { "SIGTERM" } else { text };
    parse_signal(text).map_err(|error| failure(ErrorKind::Invalid, error.to_string()))
}

/// When it is started again.
pub(super) fn restart_policy(config: &RestartPolicyConfig) -> Result<RestartPolicy, EngineError> {
    let count = config.maximum_retry_count;
    if count > 0 && config.name != "on-failure" {
        let text = format!(
            "invalid restart policy: maximum retry count cannot be used with restart policy '{}'",
            config.name
        );
        return Err(failure(ErrorKind::Invalid, text));
    }
    match config.name.as_str() {
        "" | "no" => Ok(RestartPolicy::No),
        "always" => Ok(RestartPolicy::Always),
        "unless-stopped" => Ok(RestartPolicy::UnlessStopped),
        "on-failure" => Ok(RestartPolicy::OnFailure { max_retries: count }),
        other => {
            let text = format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            );
            Err(failure(ErrorKind::Invalid, text))
        }
    }
}

pub(super) fn log_order(host: &HostConfig, path: &Path) -> Result<LogOrder, EngineError> {
    let log = &host.log_config;
    let invalid = |text: String| failure(ErrorKind::Invalid, text);
    match log.kind.as_str() {
        "none" => return Ok(LogOrder::None),
        "json-file" | "" => (),
        other => {
            let text = format!("logger: no log driver named '{other}' is registered");
            return Err(invalid(text));
        }
    }
    let (mut max_bytes, mut max_files) = (None, LOG_FILES);
    for (key, value) in &log.config {
        match key.as_str() {
            "max-size" => {
                let size = parse_size(value).filter(|size| *size > 0);
                max_bytes =
                    Some(size.ok_or_else(|| {
                        invalid(format!("invalid value for max-size: {value:?}"))
                    })?);
            }
            "max-file" => {
                let files = value
                    .parse()
                    .ok()
                    .filter(|files| (1..=1000).contains(files));
                max_files = files
                    .ok_or_else(|| invalid(format!("invalid value for max-file: {value:?}")))?;
            }
            other => {
                let text = format!("unknown log opt '{other}' for json-file log driver");
                return Err(invalid(text));
            }
        }
    }
    Ok(LogOrder::JsonFile {
        path: path.to_path_buf(),
        max_bytes,
        max_files,
    })
}

/// Docker's defaults: 30 s between checks, 30 s for each, three failures.
pub(super) fn health(config: Option<&HealthConfig>) -> Result<Option<HealthOrder>, EngineError> {
    let Some(config) = config else {
        return Ok(None);
    };
    for (what, nanoseconds) in [
        ("Interval", config.interval),
        ("Timeout", config.timeout),
        ("StartPeriod", config.start_period),
        ("StartInterval", config.start_interval),
    ] {
        if nanoseconds != 0 && nanoseconds < 1_000_000 {
            let text = format!("{what} in Healthcheck cannot be less than 1ms");
            return Err(failure(ErrorKind::Invalid, text));
        }
    }
    let arguments = match config.test.split_first() {
        Some((kind, rest)) if kind == "CMD" => rest.to_vec(),
        Some((kind, [command, ..])) if kind == "CMD-SHELL" => {
            vec!["/bin/sh".to_owned(), "-c".to_owned(), command.clone()]
        }
        Some((kind, _)) if kind != "NONE" => {
            let text = format!("Unknown healthcheck type {kind:?} (expected 'CMD')");
            return Err(failure(ErrorKind::Invalid, text));
        }
        _ => return Ok(None),
    };
    let span = |nanoseconds: i64, or: Duration| match u64::try_from(nanoseconds) {
        Ok(positive) if positive > 0 => Duration::from_nanos(positive),
        _ => or,
    };
    let half_minute = Duration::from_secs(30);
    Ok(Some(HealthOrder {
        arguments,
        interval: span(config.interval, half_minute),
        timeout: span(config.timeout, half_minute),
        start_period: span(config.start_period, Duration::ZERO),
        start_interval: span(config.start_interval, Duration::from_secs(5)),
        retries: u32::try_from(config.retries)
            .ok()
            .filter(|retries| *retries > 0)
            .unwrap_or(3),
    }))
}

/// The file systems that every container has.
pub(super) fn default_mounts(host: &HostConfig, namespaces: &NamespaceSpec) -> Vec<MountSpec> {
    let rooted = namespaces.user.is_none();
    let terminals = if rooted {
        "newinstance ptmxmode=0666 mode=0620 gid=5"
    } else {
        "newinstance ptmxmode=0666 mode=0620"
    };
    let shm = match host.shm_size {
        size @ 1.. => size,
        _ => SHM_SIZE_BYTES,
    };
    let shm = format!("source=shm mode=1777 size={shm}");
    let writable = host.privileged;
    let mut mounts = vec![
        file_system("/proc", "proc", ""),
        MountSpec {
            execute: true,
            ..file_system("/dev", "tmpfs", "mode=755 size=65536k")
        },
        file_system("/dev/pts", "devpts", terminals),
        MountSpec {
            read_only: !writable,
            ..file_system("/sys", "sysfs", "")
        },
        MountSpec {
            read_only: !writable,
            what: MountSource::Cgroups,
            ..file_system("/sys/fs/cgroup", "", "")
        },
        file_system("/dev/mqueue", "mqueue", ""),
        file_system("/dev/shm", "tmpfs", &shm),
    ];
    for (target, source) in [("/sys", "/sys"), ("/proc", "/proc")] {
        let allowed = target == "/sys" || namespaces.pid != NamespaceChoice::New;
        for mount in &mut mounts {
            if let MountSource::FileSystem { or_bind, .. } = &mut mount.what
                && mount.target == Path::new(target)
                && allowed
            {
                *or_bind = Some(PathBuf::from(source));
            }
        }
    }
    if host.ipc_mode == "none" {
        mounts.retain(|mount| mount.target != Path::new("/dev/shm"));
    }
    let shared = match &namespaces.ipc {
        NamespaceChoice::New => return mounts,
        NamespaceChoice::Host => bind(Path::new("/dev/shm"), "/dev/shm", true),
        NamespaceChoice::File(path) => MountSpec {
            what: MountSource::OfNamespace {
                namespace: path.with_file_name("mnt"),
                path: PathBuf::from("/dev/shm"),
            },
            ..file_system("/dev/shm", "", "")
        },
    };
    mounts.retain(|mount| !matches!(mount.target.to_str(), Some("/dev/shm" | "/dev/mqueue")));
    mounts.push(shared);
    mounts
}

fn file_system(target: &str, kind: &str, options: &str) -> MountSpec {
    MountSpec {
        target: PathBuf::from(target),
        what: MountSource::FileSystem {
            kind: kind.to_owned(),
            options: options.split_whitespace().map(str::to_owned).collect(),
            or_bind: None,
        },
        read_only: false,
        set_uid: false,
        devices: target == "/dev" || target == "/dev/pts",
        execute: false,
    }
}

/// A file or folder of the machine, as the container sees it.
pub(crate) fn bind(source: &Path, target: &str, writable: bool) -> MountSpec {
    MountSpec {
        target: PathBuf::from(target),
        what: MountSource::Bind {
            source: source.to_path_buf(),
            recursive: true,
            propagation: Propagation::Private,
            copy_up: false,
        },
        read_only: !writable,
        set_uid: true,
        devices: true,
        execute: true,
    }
}

/// A temporary file system for a step, as large as is said.
pub(crate) fn memory_mount(target: &str, size_bytes: Option<u64>) -> MountSpec {
    let size = size_bytes
        .map(|size| format!(" size={size}"))
        .unwrap_or_default();
    MountSpec {
        execute: true,
        set_uid: true,
        ..file_system(target, "tmpfs", &format!("mode=755{size}"))
    }
}

pub(super) fn mount_spec(mount: &MountPoint) -> Result<MountSpec, EngineError> {
    if mount.kind == "tmpfs" {
        return temporary(mount);
    }
    let propagation = match mount.propagation.as_str() {
        "slave" | "rslave" => Propagation::Slave,
        "shared" | "rshared" => Propagation::Shared,
        _ => Propagation::Private,
    };
    let copies = mount.kind == "volume" && !mount.options.iter().any(|option| option == "nocopy");
    Ok(MountSpec {
        what: MountSource::Bind {
            source: PathBuf::from(&mount.source),
            recursive: mount.recursive,
            propagation,
            copy_up: copies,
        },
        ..bind(Path::new(""), &mount.destination, mount.writable)
    })
}

/// `--tmpfs`: noexec, nosuid and nodev unless told otherwise.
fn temporary(mount: &MountPoint) -> Result<MountSpec, EngineError> {
    let mut spec = file_system(&mount.destination, "tmpfs", "");
    let mut known = BTreeMap::new();
    for option in &mount.options {
        match option.as_str() {
            "rw" | "ro" => (),
            "exec" => spec.execute = true,
            "noexec" => spec.execute = false,
            "suid" => spec.set_uid = true,
            "nosuid" => spec.set_uid = false,
            "dev" => spec.devices = true,
            "nodev" => spec.devices = false,
            other => {
                let Some((key @ ("size" | "mode" | "uid" | "gid" | "nr_inodes"), value)) =
                    other.split_once('=')
                else {
                    let text = format!("invalid tmpfs option [{other:?}]");
                    return Err(failure(ErrorKind::Invalid, text));
                };
                known.insert(key, value.to_owned());
            }
        }
    }
    known.entry("mode").or_insert("1777".to_owned());
    spec.read_only = !mount.writable;
    spec.what = MountSource::FileSystem {
        kind: "tmpfs".to_owned(),
        options: known
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect(),
        or_bind: None,
    };
    Ok(spec)
}
