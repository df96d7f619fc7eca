//! The options of `run` and `create`: docker's names, letters and words.

use super::mount_option::parse_mount;
use super::{device_options as device, run_values as values};
use crate::arguments::Flag;

pub(super) const ADD_HOST: Flag =
    Flag::list("add-host", "Add a custom host-to-IP mapping (host:ip)")
        .checked_by(values::extra_host);
pub(super) const ANNOTATION: Flag = Flag::list(
    "annotation",
    "Add an annotation to the container (passed through to the OCI runtime)",
)
.takes("map")
.default("map[]");
pub(super) const ATTACH: Flag = Flag::list("attach", "Attach to STDIN, STDOUT or STDERR")
    .letter('a')
    .checked_by(values::stream);
pub(super) const BLKIO_WEIGHT: Flag = Flag::text(
    "blkio-weight",
    "Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)",
)
.takes("uint16")
.checked_by(|text| device::weight(text).map(drop));
pub(super) const BLKIO_WEIGHT_DEVICE: Flag = Flag::list(
    "blkio-weight-device",
    "Block IO weight (relative device weight)",
)
.default("[]")
.checked_by(|text| device::weight_device(text).map(drop));
pub(super) const CAP_ADD: Flag = Flag::list("cap-add", "Add Linux capabilities");
pub(super) const CAP_DROP: Flag = Flag::list("cap-drop", "Drop Linux capabilities");
pub(super) const CGROUP_PARENT: Flag =
    Flag::text("cgroup-parent", "Optional parent cgroup for the container");
pub(super) const CGROUPNS: Flag = Flag::text("cgroupns", "Cgroup namespace to use (host|private)");
pub(super) const CIDFILE: Flag = Flag::text("cidfile", "Write the container ID to the file");
pub(super) const CPU_PERIOD: Flag = Flag::number(
    "cpu-period",
    "Limit CPU CFS (Completely Fair Scheduler) period",
);
pub(super) const CPU_QUOTA: Flag = Flag::number(
    "cpu-quota",
    "Limit CPU CFS (Completely Fair Scheduler) quota",
);
pub(super) const CPU_RT_PERIOD: Flag = Flag::number(
    "cpu-rt-period",
    "Limit CPU real-time period in microseconds",
);
pub(super) const CPU_RT_RUNTIME: Flag = Flag::number(
    "cpu-rt-runtime",
    "Limit CPU real-time runtime in microseconds",
);
pub(super) const CPU_SHARES: Flag =
    Flag::number("cpu-shares", "CPU shares (relative weight)").letter('c');
pub(super) const CPUS: Flag = Flag::text("cpus", "Number of CPUs")
    .takes("decimal")
    .checked_by(|text| values::nano_cpus(text).map(drop));
pub(super) const CPUSET_CPUS: Flag =
    Flag::text("cpuset-cpus", "CPUs in which to allow execution (0-3, 0,1)");
pub(super) const CPUSET_MEMS: Flag =
    Flag::text("cpuset-mems", "MEMs in which to allow execution (0-3, 0,1)");
pub(super) const DETACH: Flag = Flag::switch(
    "detach",
    "Run container in background and print container ID",
)
.letter('d');
pub(super) const DETACH_KEYS: Flag = Flag::text(
    "detach-keys",
    "Override the key sequence for detaching a container",
);
pub(super) const DEVICE: Flag = Flag::list("device", "Add a host device to the container");
pub(super) const DEVICE_CGROUP_RULE: Flag = Flag::list(
    "device-cgroup-rule",
    "Add a rule to the cgroup allowed devices list",
)
.checked_by(device::rule);
pub(super) const DEVICE_READ_BPS: Flag = Flag::list(
    "device-read-bps",
    "Limit read rate (bytes per second) from a device",
)
.default("[]")
.checked_by(|text| device::bytes_device(text).map(drop));
pub(super) const DEVICE_READ_IOPS: Flag = Flag::list(
    "device-read-iops",
    "Limit read rate (IO per second) from a device",
)
.default("[]")
.checked_by(|text| device::operations_device(text).map(drop));
pub(super) const DEVICE_WRITE_BPS: Flag = Flag::list(
    "device-write-bps",
    "Limit write rate (bytes per second) to a device",
)
.default("[]")
.checked_by(|text| device::bytes_device(text).map(drop));
pub(super) const DEVICE_WRITE_IOPS: Flag = Flag::list(
    "device-write-iops",
    "Limit write rate (IO per second) to a device",
)
.default("[]")
.checked_by(|text| device::operations_device(text).map(drop));
pub(super) const DISABLE_CONTENT_TRUST: Flag =
    Flag::switch("disable-content-trust", "Skip image verification").default("true");
pub(super) const DNS: Flag =
    Flag::list("dns", "Set custom DNS servers").checked_by(values::name_server);
pub(super) const DNS_OPTION: Flag = Flag::list("dns-option", "Set DNS options");
pub(super) const DNS_SEARCH: Flag =
    Flag::list("dns-search", "Set custom DNS search domains").checked_by(values::search_domain);
pub(super) const DOMAINNAME: Flag = Flag::text("domainname", "Container NIS domain name");
pub(super) const ENTRYPOINT: Flag = Flag::text(
    "entrypoint",
    "Overwrite the default ENTRYPOINT of the image",
);
pub(super) const ENV: Flag = Flag::list("env", "Set environment variables")
    .letter('e')
    .checked_by(values::variable);
pub(super) const ENV_FILE: Flag = Flag::list("env-file", "Read in a file of environment variables");
pub(super) const EXPOSE: Flag = Flag::list("expose", "Expose a port or a range of ports");
pub(super) const GPUS: Flag = Flag::list(
    "gpus",
    "GPU devices to add to the container ('all' to pass all GPUs)",
)
.takes("gpu-request")
.checked_by(|text| device::gpus(text).map(drop));
pub(super) const GROUP_ADD: Flag = Flag::list("group-add", "Add additional groups to join");
pub(super) const HEALTH_CMD: Flag = Flag::text("health-cmd", "Command to run to check health");
pub(super) const HEALTH_INTERVAL: Flag = Flag::text(
    "health-interval",
    "Time between running the check (ms|s|m|h)",
)
.takes("duration")
.default("0s")
.checked_by(|text| values::nanoseconds(text).map(drop));
pub(super) const HEALTH_RETRIES: Flag = Flag::number(
    "health-retries",
    "Consecutive failures needed to report unhealthy",
);
pub(super) const HEALTH_START_INTERVAL: Flag = Flag::text(
    "health-start-interval",
    "Time between running the check during the start period (ms|s|m|h)",
)
.takes("duration")
.default("0s")
.checked_by(|text| values::nanoseconds(text).map(drop));
pub(super) const HEALTH_START_PERIOD: Flag = Flag::text("health-start-period", "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)").takes("duration").default("0s").checked_by(|text| values::nanoseconds(text).map(drop));
pub(super) const HEALTH_TIMEOUT: Flag = Flag::text(
    "health-timeout",
    "Maximum time to allow one check to run (ms|s|m|h)",
)
.takes("duration")
.default("0s")
.checked_by(|text| values::nanoseconds(text).map(drop));
pub(super) const HOSTNAME: Flag = Flag::text("hostname", "Container host name").letter('h');
pub(super) const INIT: Flag = Flag::switch(
    "init",
    "Run an init inside the container that forwards signals and reaps processes",
);
pub(super) const INTERACTIVE: Flag =
    Flag::switch("interactive", "Keep STDIN open even if not attached").letter('i');
pub(super) const IP: Flag = Flag::text("ip", "IPv4 address (e.g., 172.30.100.104)");
pub(super) const IP6: Flag = Flag::text("ip6", "IPv6 address (e.g., 2001:db8::33)");
pub(super) const IPC: Flag = Flag::text("ipc", "IPC mode to use");
pub(super) const ISOLATION: Flag = Flag::text("isolation", "Container isolation technology");
pub(super) const KERNEL_MEMORY: Flag = Flag::text("kernel-memory", "Kernel memory limit")
    .takes("bytes")
    .checked_by(|text| values::size(text).map(drop));
pub(super) const LABEL: Flag = Flag::list("label", "Set meta data on a container")
    .letter('l')
    .checked_by(values::label);
pub(super) const LABEL_FILE: Flag =
    Flag::list("label-file", "Read in a line delimited file of labels");
pub(super) const LINK: Flag = Flag::list("link", "Add link to another container");
pub(super) const LINK_LOCAL_IP: Flag =
    Flag::list("link-local-ip", "Container IPv4/IPv6 link-local addresses");
pub(super) const LOG_DRIVER: Flag = Flag::text("log-driver", "Logging driver for the container");
pub(super) const LOG_OPT: Flag = Flag::list("log-opt", "Log driver options");
pub(super) const MAC_ADDRESS: Flag = Flag::text(
    "mac-address",
    "Container MAC address (e.g., 92:d0:c6:0a:29:33)",
);
pub(super) const MEMORY: Flag = Flag::text("memory", "Memory limit")
    .takes("bytes")
    .letter('m')
    .checked_by(|text| values::size(text).map(drop));
pub(super) const MEMORY_RESERVATION: Flag = Flag::text("memory-reservation", "Memory soft limit")
    .takes("bytes")
    .checked_by(|text| values::size(text).map(drop));
pub(super) const MEMORY_SWAP: Flag = Flag::text(
    "memory-swap",
    "Swap limit equal to memory plus swap: '-1' to enable unlimited swap",
)
.takes("bytes")
.checked_by(|text| values::size_of_swap(text).map(drop));
pub(super) const MEMORY_SWAPPINESS: Flag = Flag::number(
    "memory-swappiness",
    "Tune container memory swappiness (0 to 100)",
)
.default("-1");
pub(super) const MOUNT: Flag = Flag::list("mount", "Attach a filesystem mount to the container")
    .takes("mount")
    .checked_by(|text| parse_mount(text).map(drop));
pub(super) const NAME: Flag = Flag::text("name", "Assign a name to the container");
pub(super) const NETWORK: Flag = Flag::list("network", "Connect a container to a network")
    .takes("network")
    .checked_by(super::network_options::check);
pub(super) const NETWORK_ALIAS: Flag = Flag::list(
    "network-alias",
    "Add network-scoped alias for the container",
);
pub(super) const NO_HEALTHCHECK: Flag = Flag::switch(
    "no-healthcheck",
    "Disable any container-specified HEALTHCHECK",
);
pub(super) const OOM_KILL_DISABLE: Flag = Flag::switch("oom-kill-disable", "Disable OOM Killer");
pub(super) const OOM_SCORE_ADJ: Flag = Flag::number(
    "oom-score-adj",
    "Tune host's OOM preferences (-1000 to 1000)",
);
pub(super) const PID: Flag = Flag::text("pid", "PID namespace to use");
pub(super) const PIDS_LIMIT: Flag = Flag::number(
    "pids-limit",
    "Tune container pids limit (set -1 for unlimited)",
);
pub(super) const PLATFORM: Flag = Flag::text(
    "platform",
    "Set platform if server is multi-platform capable",
);
pub(super) const PRIVILEGED: Flag =
    Flag::switch("privileged", "Give extended privileges to this container");
pub(super) const PUBLISH: Flag =
    Flag::list("publish", "Publish a container's port(s) to the host").letter('p');
pub(super) const PUBLISH_ALL: Flag =
    Flag::switch("publish-all", "Publish all exposed ports to random ports").letter('P');
pub(super) const PULL: Flag = Flag::text(
    "pull",
    "Pull image before running (\"always\", \"missing\", \"never\")",
)
.default("missing");
pub(super) const QUIET: Flag = Flag::switch("quiet", "Suppress the pull output").letter('q');
pub(super) const READ_ONLY: Flag = Flag::switch(
    "read-only",
    "Mount the container's root filesystem as read only",
);
pub(super) const RESTART: Flag =
    Flag::text("restart", "Restart policy to apply when a container exits").default("no");
pub(super) const RM: Flag = Flag::switch(
    "rm",
    "Automatically remove the container and its associated anonymous volumes when it exits",
);
pub(super) const RUNTIME: Flag = Flag::text("runtime", "Runtime to use for this container");
pub(super) const SECURITY_OPT: Flag = Flag::list("security-opt", "Security Options");
pub(super) const SHM_SIZE: Flag = Flag::text("shm-size", "Size of /dev/shm")
    .takes("bytes")
    .checked_by(|text| values::size(text).map(drop));
pub(super) const SIG_PROXY: Flag =
    Flag::switch("sig-proxy", "Proxy received signals to the process").default("true");
pub(super) const STOP_SIGNAL: Flag = Flag::text("stop-signal", "Signal to stop the container");
pub(super) const STOP_TIMEOUT: Flag =
    Flag::number("stop-timeout", "Timeout (in seconds) to stop a container");
pub(super) const STORAGE_OPT: Flag =
    Flag::list("storage-opt", "Storage driver options for the container");
pub(super) const SYSCTL: Flag = Flag::list("sysctl", "Sysctl options")
    .takes("map")
    .default("map[]")
    .checked_by(values::sysctl);
pub(super) const TMPFS: Flag = Flag::list("tmpfs", "Mount a tmpfs directory");
pub(super) const TTY: Flag = Flag::switch("tty", "Allocate a pseudo-TTY").letter('t');
pub(super) const ULIMIT: Flag = Flag::list("ulimit", "Ulimit options")
    .takes("ulimit")
    .default("[]")
    .checked_by(|text| values::ulimit(text).map(drop));
pub(super) const USE_API_SOCKET: Flag = Flag::switch(
    "use-api-socket",
    "Bind mount Docker API socket and required auth",
);
pub(super) const USER: Flag =
    Flag::text("user", "Username or UID (format: <name|uid>[:<group|gid>])").letter('u');
pub(super) const USERNS: Flag = Flag::text("userns", "User namespace to use");
pub(super) const UTS: Flag = Flag::text("uts", "UTS namespace to use");
pub(super) const VOLUME: Flag = Flag::list("volume", "Bind mount a volume").letter('v');
pub(super) const VOLUME_DRIVER: Flag =
    Flag::text("volume-driver", "Optional volume driver for the container");
pub(super) const VOLUMES_FROM: Flag = Flag::list(
    "volumes-from",
    "Mount volumes from the specified container(s)",
);
pub(super) const WORKDIR: Flag =
    Flag::text("workdir", "Working directory inside the container").letter('w');

// Docker's for machines with Windows, which no help shows here.
pub(super) const CPU_COUNT: Flag = Flag::text("cpu-count", "CPU count (Windows only)").hidden();
pub(super) const CPU_PERCENT: Flag =
    Flag::text("cpu-percent", "CPU percent (Windows only)").hidden();
pub(super) const IO_MAXBANDWIDTH: Flag = Flag::text(
    "io-maxbandwidth",
    "Maximum IO bandwidth limit for the system drive (Windows only)",
)
.hidden();
pub(super) const IO_MAXIOPS: Flag = Flag::text(
    "io-maxiops",
    "Maximum IOps limit for the system drive (Windows only)",
)
.hidden();

/// Those that both have, in the order of help.
pub(super) const CREATE_FLAGS: &[Flag] = &[
    ADD_HOST,
    ANNOTATION,
    ATTACH,
    BLKIO_WEIGHT,
    BLKIO_WEIGHT_DEVICE,
    CAP_ADD,
    CAP_DROP,
    CGROUP_PARENT,
    CGROUPNS,
    CIDFILE,
    CPU_PERIOD,
    CPU_QUOTA,
    CPU_RT_PERIOD,
    CPU_RT_RUNTIME,
    CPU_SHARES,
    CPUS,
    CPUSET_CPUS,
    CPUSET_MEMS,
    DEVICE,
    DEVICE_CGROUP_RULE,
    DEVICE_READ_BPS,
    DEVICE_READ_IOPS,
    DEVICE_WRITE_BPS,
    DEVICE_WRITE_IOPS,
    DISABLE_CONTENT_TRUST,
    DNS,
    DNS_OPTION,
    DNS_SEARCH,
    DOMAINNAME,
    ENTRYPOINT,
    ENV,
    ENV_FILE,
    EXPOSE,
    GPUS,
    GROUP_ADD,
    HEALTH_CMD,
    HEALTH_INTERVAL,
    HEALTH_RETRIES,
    HEALTH_START_INTERVAL,
    HEALTH_START_PERIOD,
    HEALTH_TIMEOUT,
    HOSTNAME,
    INIT,
    INTERACTIVE,
    IP,
    IP6,
    IPC,
    ISOLATION,
    KERNEL_MEMORY,
    LABEL,
    LABEL_FILE,
    LINK,
    LINK_LOCAL_IP,
    LOG_DRIVER,
    LOG_OPT,
    MAC_ADDRESS,
    MEMORY,
    MEMORY_RESERVATION,
    MEMORY_SWAP,
    MEMORY_SWAPPINESS,
    MOUNT,
    NAME,
    NETWORK,
    NETWORK_ALIAS,
    NO_HEALTHCHECK,
    OOM_KILL_DISABLE,
    OOM_SCORE_ADJ,
    PID,
    PIDS_LIMIT,
    PLATFORM,
    PRIVILEGED,
    PUBLISH,
    PUBLISH_ALL,
    PULL,
    QUIET,
    READ_ONLY,
    RESTART,
    RM,
    RUNTIME,
    SECURITY_OPT,
    SHM_SIZE,
    STOP_SIGNAL,
    STOP_TIMEOUT,
    STORAGE_OPT,
    SYSCTL,
    TMPFS,
    TTY,
    ULIMIT,
    USE_API_SOCKET,
    USER,
    USERNS,
    UTS,
    VOLUME,
    VOLUME_DRIVER,
    VOLUMES_FROM,
    WORKDIR,
    CPU_COUNT,
    CPU_PERCENT,
    IO_MAXBANDWIDTH,
    IO_MAXIOPS,
];

/// Those of `run`.
pub(super) const RUN_FLAGS: &[Flag] = &[
    ADD_HOST,
    ANNOTATION,
    ATTACH,
    BLKIO_WEIGHT,
    BLKIO_WEIGHT_DEVICE,
    CAP_ADD,
    CAP_DROP,
    CGROUP_PARENT,
    CGROUPNS,
    CIDFILE,
    CPU_PERIOD,
    CPU_QUOTA,
    CPU_RT_PERIOD,
    CPU_RT_RUNTIME,
    CPU_SHARES,
    CPUS,
    CPUSET_CPUS,
    CPUSET_MEMS,
    DETACH,
    DETACH_KEYS,
    DEVICE,
    DEVICE_CGROUP_RULE,
    DEVICE_READ_BPS,
    DEVICE_READ_IOPS,
    DEVICE_WRITE_BPS,
    DEVICE_WRITE_IOPS,
    DISABLE_CONTENT_TRUST,
    DNS,
    DNS_OPTION,
    DNS_SEARCH,
    DOMAINNAME,
    ENTRYPOINT,
    ENV,
    ENV_FILE,
    EXPOSE,
    GPUS,
    GROUP_ADD,
    HEALTH_CMD,
    HEALTH_INTERVAL,
    HEALTH_RETRIES,
    HEALTH_START_INTERVAL,
    HEALTH_START_PERIOD,
    HEALTH_TIMEOUT,
    HOSTNAME,
    INIT,
    INTERACTIVE,
    IP,
    IP6,
    IPC,
    ISOLATION,
    KERNEL_MEMORY,
    LABEL,
    LABEL_FILE,
    LINK,
    LINK_LOCAL_IP,
    LOG_DRIVER,
    LOG_OPT,
    MAC_ADDRESS,
    MEMORY,
    MEMORY_RESERVATION,
    MEMORY_SWAP,
    MEMORY_SWAPPINESS,
    MOUNT,
    NAME,
    NETWORK,
    NETWORK_ALIAS,
    NO_HEALTHCHECK,
    OOM_KILL_DISABLE,
    OOM_SCORE_ADJ,
    PID,
    PIDS_LIMIT,
    PLATFORM,
    PRIVILEGED,
    PUBLISH,
    PUBLISH_ALL,
    PULL,
    QUIET,
    READ_ONLY,
    RESTART,
    RM,
    RUNTIME,
    SECURITY_OPT,
    SHM_SIZE,
    SIG_PROXY,
    STOP_SIGNAL,
    STOP_TIMEOUT,
    STORAGE_OPT,
    SYSCTL,
    TMPFS,
    TTY,
    ULIMIT,
    USE_API_SOCKET,
    USER,
    USERNS,
    UTS,
    VOLUME,
    VOLUME_DRIVER,
    VOLUMES_FROM,
    WORKDIR,
    CPU_COUNT,
    CPU_PERCENT,
    IO_MAXBANDWIDTH,
    IO_MAXIOPS,
];
