//! Everything that one container's first process is told: the order which [`crate::launch()`] carries out.
//!
//! It is data that can be written down and sent to another process, since a container is made by a process with one thread.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::capabilities::CapabilitySet;

/// One container, as the kernel is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// What its root shows.
    pub root: RootSpec,
    /// An empty folder on which the root is mounted, in the container's own mount namespace only.
    pub mount_point: PathBuf,
    /// What runs.
    pub process: ProcessSpec,
    /// What it shares with others and what it has for itself.
    pub namespaces: NamespaceSpec,
    /// Its host name; left alone where the UTS namespace is shared.
    pub hostname: String,
    /// Its NIS domain, if any.
    pub domain_name: String,
    /// What is mounted inside, in this order.
    pub mounts: Vec<MountSpec>,
    /// Device nodes.
    pub devices: Vec<DeviceSpec>,
    /// Paths that are hidden.
    pub masked_paths: Vec<PathBuf>,
    /// Paths that cannot be written.
    pub read_only_paths: Vec<PathBuf>,
    /// `sysctl` settings of its namespaces.
    pub sysctls: BTreeMap<String, String>,
}

/// What a container's root shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootSpec {
    /// Trees of layers from the top down.
    pub lowers: Vec<PathBuf>,
    /// An empty folder.
    pub empty: PathBuf,
    /// Takes what the container writes.
    pub upper: PathBuf,
    /// For overlayfs itself.
    pub work: PathBuf,
    /// Whether the trees have an ordinary user's marks.
    pub user_flavour: bool,
    /// Whether the container may write at all (`--read-only`).
    pub read_only: bool,
}

/// Which namespaces are new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSpec {
    /// Processes.
    pub pid: NamespaceChoice,
    /// Network devices, addresses, ports.
    pub network: NamespaceChoice,
    /// System V IPC and message queues.
    pub ipc: NamespaceChoice,
    /// Host name.
    pub uts: NamespaceChoice,
    /// What of the cgroups can be seen.
    pub cgroup: NamespaceChoice,
    /// Ids: `None` keeps those of whoever calls.
    pub user: Option<IdMapping>,
}

/// Where a namespace comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NamespaceChoice {
    /// A new one.
    New,
    /// The caller's.
    Host,
    /// That of a file such as `/proc/<pid>/ns/net`.
    File(PathBuf),
}

/// Which ids of the machine the container's ids are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IdMapping {
    /// User ids.
    pub users: Vec<IdRange>,
    /// Group ids.
    pub groups: Vec<IdRange>,
    /// Whether the container may set supplementary groups: not with the caller's own single id.
    pub set_groups: bool,
    /// Whether `newuidmap` and `newgidmap` write the maps, because ranges of `/etc/subuid` are in them.
    pub with_helpers: bool,
}

/// One range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// The first one inside.
    pub inside: u32,
    /// The first one outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// One mount inside of the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Where, as an absolute path inside.
    pub target: PathBuf,
    /// What.
    pub what: MountSource,
    /// Whether it can be written.
    pub read_only: bool,
    /// Whether setuid programs have power there.
    pub set_uid: bool,
    /// Whether device nodes have power there.
    pub devices: bool,
    /// Whether programs can be started from there.
    pub execute: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountSource {
    /// A file or folder of the machine.
    Bind {
        /// Its path outside.
        source: PathBuf,
        /// With what is mounted below it.
        recursive: bool,
        /// How mounts made later on one side show on the other.
        propagation: Propagation,
        /// Whether a source that is empty takes what the container's root has at the place: as a new volume does.
        copy_up: bool,
    },
    /// A new file system of this type, with options such as `mode=755`.
    FileSystem {
        /// `proc`, `sysfs`, `tmpfs`, `devpts`, `mqueue`, `cgroup2`.
        kind: String,
        /// `key=value` or `key`.
        options: Vec<String>,
        /// Where the kernel does not allow a new one, the machine's own is shown instead.
        or_bind: Option<PathBuf>,
    },
    /// What another container has at a place: of the process whose mount namespace is this file.
    OfNamespace {
        /// `/proc/<pid>/ns/mnt`.
        namespace: PathBuf,
        /// The place there.
        path: PathBuf,
    },
    /// The cgroup hierarchies, as the machine has them.
    Cgroups,
    /// One file that is nowhere but in memory, and that the container alone sees: a secret.
    Secret {
        /// What it holds.
        content: SecretBytes,
        /// Its permissions.
        mode: u32,
        /// Its owner, as the container numbers users.
        user: u32,
        /// Its group, as the container numbers groups.
        group: u32,
    },
}

/// Bytes that are shown to nobody: `Debug` tells only how many there are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Keeps `bytes` from being shown.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

/// How mounts made later on one side show on the other (`mount_namespaces(7)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// Not at all.
    Private,
    /// From the machine to the container.
    Slave,
    /// Both ways.
    Shared,
}

/// One device node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Where, inside.
    pub path: PathBuf,
    /// The machine's node, which is shown where making one is not allowed.
    pub source: PathBuf,
    /// A block device; otherwise a character device.
    pub block: bool,
    /// Its numbers.
    pub major: u32,
    /// Its numbers.
    pub minor: u32,
    /// Permissions.
    pub mode: u32,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// `NAME=value`.
    pub environment: Vec<String>,
    /// The working folder, inside; made if it is missing.
    pub folder: PathBuf,
    /// `name|uid[:group|gid]`; empty for root.
    pub user: String,
    /// Further groups, by name or number.
    pub groups: Vec<String>,
    /// Whether it gets a terminal of its own.
    pub terminal: bool,
    /// Its terminal's rows and columns at the start; zeros leave the kernel's.
    pub terminal_size: (u16, u16),
    /// What it may do as root.
    pub capabilities: CapabilitySet,
    /// Whether programs it starts can gain rights (`--security-opt no-new-privileges`).
    pub no_new_privileges: bool,
    /// Limits by their names (`nofile`), soft and hard.
    pub limits: Vec<LimitSpec>,
    /// How likely the kernel ends it when memory is short.
    pub oom_score: Option<i32>,
    /// The system calls that it may make.
    pub seccomp: SeccompChoice,
    /// Whether a first process of Wharf's own reaps orphans and passes signals on (`--init`).
    pub init: bool,
}

/// Which system calls a program may make (`--security-opt seccomp=`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeccompChoice {
    /// Those of Docker's default profile.
    Docker,
    /// All.
    Unconfined,
    /// Those of a profile in Docker's JSON format.
    Profile(String),
}

/// One `ulimit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitSpec {
    /// As `--ulimit` names it: `nofile`.
    pub name: String,
    /// `None` for unlimited.
    pub soft: Option<u64>,
    /// `None` for unlimited.
    pub hard: Option<u64>,
}
