//! What a monitor is told about its container, in a file of the container's folder.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cgroups::Resources;
use crate::spec::ContainerSpec;

/// The format of [`MonitorOrder`] that this program writes and reads.
pub const ORDER_FORMAT: u32 = 1;

/// How one container is run and watched. Written anew at each start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorOrder {
    /// [`ORDER_FORMAT`].
    pub format: u32,
    /// What runs, and where.
    pub spec: ContainerSpec,
    /// The name of its group of processes: `wharf/<id>`.
    pub cgroup: String,
    /// What it may use.
    pub resources: Resources,
    /// Where its output is kept.
    pub log: LogOrder,
    /// Whether it is started again when it has ended.
    pub restart: RestartPolicy,
    /// What asks it to end.
    pub stop_signal: i32,
    /// How long it is given for that.
    pub stop_timeout_seconds: i64,
    /// Whether its standard input can be written to (`-i`).
    pub open_stdin: bool,
    /// Whether that ends with the first client that had it.
    pub stdin_once: bool,
    /// How its health is checked.
    pub health: Option<HealthOrder>,
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogOrder {
    /// Nowhere.
    None,
    /// In Docker's `json-file` format.
    JsonFile {
        /// The newest file.
        path: PathBuf,
        /// A file that would become longer is put away. `None`: never.
        max_bytes: Option<u64>,
        /// How many files there are at most, the newest included.
        max_files: u32,
    },
}

/// When a container is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Unless somebody stopped it; after a reboot in any case.
    Always,
    /// Unless somebody stopped it, after a reboot too.
    UnlessStopped,
    /// When it failed, at most so many times in a row (0: without limit).
    OnFailure {
        /// The limit.
        max_retries: u32,
    },
}

/// How health is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthOrder {
    /// The program and its arguments.
    pub arguments: Vec<String>,
    /// From the end of one check to the next.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// How long failures at the start do not count.
    pub start_period: Duration,
    /// From one check to the next in the start period.
    pub start_interval: Duration,
    /// How many failures in a row make it unhealthy.
    pub retries: u32,
}
